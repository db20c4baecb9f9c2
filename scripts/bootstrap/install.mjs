/**
 * Owns the question whether node_modules is what the lockfile says, and the install that makes it so.
 * A stamp in node_modules holds a hash of everything an install depends on; an equal stamp costs a few file reads,
 * where asking pnpm costs most of a second.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { say, StepFailed } from './report.mjs'

/**
 * The only place that names pnpm's version. Not `packageManager` in package.json: pnpm 12 takes that as an order to
 * download every platform's pnpm and to write them all to the lockfile, although it is that version itself.
 */
export const PNPM_VERSION = '12.21.0'

const STAMP = 'node_modules/.shardwire-install'
const PINNED_NODE = 'node_modules/node/bin/node'

/**
 * Hash of what an install depends on: lockfile, workspace file, every package.json, pnpm, and the platform, since
 * node_modules holds native programs.
 * @param {string} root
 */
export function installStamp(root) {
  const hash = createHash('sha256')
  hash.update(`pnpm ${PNPM_VERSION} ${process.platform} ${process.arch}\n`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...packageManifests(root)]) {
    const content = readFileSync(join(root, file))
    hash.update(`${file} ${content.length}\n`).update(content)
  }
  return hash.digest('hex')
}

/**
 * @param {string} root
 * @returns {string[]} paths from the root, in an order that does not depend on the file system
 */
function packageManifests(root) {
  return ['benchmarks', 'examples', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)]
    .map((directory) => `${directory}/package.json`)
    .filter((file) => existsSync(join(root, file)))
    .sort()
}

/**
 * A linked node_modules would bring in the packages of the checkout that it belongs to, and an install would go there.
 * @param {string} root
 * @throws {StepFailed} when there is one
 */
function refuseLinks(root) {
  for (const folder of ['.', ...packageManifests(root).map(dirname)]) {
    const path = join(folder, 'node_modules')
    if (lstatSync(join(root, path), { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue
    throw new StepFailed(
      `${path} is a symbolic link (to ${targetOf(join(root, path))}), through which nothing is installed: expected a ` +
        `folder of this checkout. Remove the link (rm ${path}) and try again; an install takes seconds`,
    )
  }
}

/** @param {string} link */
function targetOf(link) {
  return existsSync(link) ? realpathSync(link) : 'nowhere'
}

/**
 * Installs unless the stamp says that nothing changed since the last install.
 * @param {string} root
 * @param {(root: string) => Promise<void>} install replaceable in tests
 * @throws {StepFailed} when node_modules is a link, or the install fails; no stamp is left then
 */
export async function ensureInstalled(root, install = installWithPnpm) {
  refuseLinks(root)
  const stamp = installStamp(root)
  if (readStamp(root) === stamp && existsSync(join(root, PINNED_NODE))) return
  await install(root)
  if (!existsSync(join(root, PINNED_NODE))) {
    throw new StepFailed(
      `the install left no ${PINNED_NODE}: expected the npm package "node" to bring it in its install script; ` +
        'delete node_modules, see that no setting such as ignore-scripts forbids that script, and try again',
    )
  }
  writeFileSync(join(root, STAMP), `${stamp}\n`)
}

/** @param {string} root */
function readStamp(root) {
  const file = join(root, STAMP)
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

/** @param {string} root */
async function installWithPnpm(root) {
  const args = ['--yes', `pnpm@${PNPM_VERSION}`, 'install', '--frozen-lockfile']
  say(`installing dependencies (pnpm ${PNPM_VERSION})`)
  const { end, output } = await runQuietly('npx', args, root)
  if (end === 0) return
  process.stderr.write(output)
  throw new StepFailed(
    `the install failed: npx ${args.join(' ')} ended with ${end}; its output is above.\n` +
      '  A package.json changed? Bring the lockfile up to date and commit it:\n' +
      `    npx --yes pnpm@${PNPM_VERSION} install --no-frozen-lockfile\n` +
      '  No network? Try again when there is one.',
  )
}

/**
 * Runs a program with nothing on stdin and keeps what it prints.
 * @param {string} file
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<{ end: number | string, output: string }>} exit code, or the signal's or error's name
 */
function runQuietly(file, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => (output += chunk))
    }
    child.once('error', (cause) => resolve({ end: cause.message, output }))
    child.once('close', (code, signal) => resolve({ end: code ?? signal ?? 1, output }))
  })
}
