/**
 * Owns `npm run pack`: one tarball for each package that users install, as a registry would get it.
 * pnpm packs, because only it turns `workspace:*` into the version that stands there.
 * Invariant: a tarball holds nothing in dist that no source stands for: what a deleted file left there goes first.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PNPM_VERSION } from './bootstrap/install.mjs'
import { leftoversOf } from './pack/leftovers.ts'

const ROOT = join(import.meta.dirname, '..')
/** All but the testkit, which never ships. */
const PACKAGES = ['protocol', 'client', 'server', 'bench']

function isTarball(name: string): boolean {
  return name.startsWith('shardwire-') && name.endsWith('.tgz')
}

function runPnpm(args: readonly string[]): Promise<number> {
  const { promise, resolve: settle } = Promise.withResolvers<number>()
  let output = ''
  const child = spawn('npx', ['--yes', `pnpm@${PNPM_VERSION}`, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  }
  child.once('error', (cause) => {
    process.stderr.write(`cannot run npx: ${cause.message}\n`)
    settle(1)
  })
  child.once('close', (code) => {
    if (code !== 0) process.stderr.write(`${output}\npnpm could not pack, for the reason above\n`)
    settle(code ?? 1)
  })
  return promise
}

async function main([folder = join(ROOT, 'dist-packages')]: readonly string[]): Promise<number> {
  const destination = resolve(folder)
  for (const name of PACKAGES) for (const file of leftoversOf(join(ROOT, 'packages', name))) rmSync(file)
  mkdirSync(destination, { recursive: true })
  for (const name of readdirSync(destination).filter(isTarball)) rmSync(join(destination, name))
  const filters = PACKAGES.flatMap((name) => ['--filter', `@shardwire/${name}`])
  const code = await runPnpm([...filters, 'pack', '--pack-destination', destination])
  if (code !== 0) return code
  for (const name of readdirSync(destination).filter(isTarball)) process.stdout.write(`${join(destination, name)}\n`)
  return 0
}

process.exitCode = await main(process.argv.slice(2))
