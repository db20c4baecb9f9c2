/**
 * The one way in: `npm start`, `npm test` and the others all come here.
 * Owns the order of steps: install what is missing, build what is stale, then run the command under the pinned Node.
 * Plain JavaScript, because the machine's own Node runs it, any from 18 on; what it starts runs on the pinned one.
 * Its own lines go to stderr, so that stdout belongs to what it runs.
 * package.json calls it by `exec`: npm signals the shell that it started, and a shell that is still there dies of a
 * SIGTERM, tells nobody, and leaves the daemon behind.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runToExit } from './bootstrap/child.mjs'
import { say, StepFailed } from './bootstrap/report.mjs'
import { ensureInstalled } from './bootstrap/install.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PINNED_NODE = join(ROOT, 'node_modules/node/bin/node')

/**
 * Each command gets the arguments after its name and resolves to an exit code.
 * @type {Readonly<Record<string, { does: string, run: (args: string[]) => Promise<number> }>>}
 */
const COMMANDS = {
  start: {
    does: 'build, then run the daemon; arguments are for shardwire',
    run: (args) => buildAndRun('packages/server/dist/main.js', args.length > 0 ? args : ['serve']),
  },
  test: {
    does: 'build, then run the tests; arguments are for vitest',
    run: (args) => buildAndRunScript('scripts/run-tests.ts', args),
  },
  check: {
    does: 'types, lint, format, imports, tidy; arguments name single steps',
    run: (args) => pinned('scripts/check.ts', args),
  },
  build: {
    does: 'compile the packages; arguments are for tsc',
    run: build,
  },
  format: {
    does: 'rewrite files in the house format; arguments name files',
    run: (args) => pinned('node_modules/oxfmt/bin/oxfmt', ['--write', ...args]),
  },
  bench: {
    does: 'build, then run the load generator',
    run: (args) => buildAndRun('packages/bench/dist/main.js', args),
  },
  benchmarks: {
    does: 'build, then measure the daemon against its peers, and its parts',
    run: (args) => buildAndRun('benchmarks/src/main.ts', args),
  },
  fuzz: {
    does: 'build, then send spoiled bytes to a live daemon; [--minutes N] [--seed S]',
    run: (args) => buildAndRunScript('scripts/fuzz.ts', args),
  },
  chaos: {
    does: 'build, then kill, stall and cut a daemon under load; [--minutes N] [--seed S]',
    run: (args) => buildAndRunScript('scripts/chaos.ts', args),
  },
  'client-chaos': {
    does: 'build, then lie to clients, and take their daemon away; [--minutes N] [--seed S]',
    run: (args) => buildAndRunScript('scripts/client-chaos.ts', args),
  },
  pack: {
    does: 'build, then pack what users install into dist-packages; an argument names another folder',
    run: (args) => buildAndRunScript('scripts/pack.ts', args),
  },
  chromium: {
    does: 'have a Chromium for the tests of pages, where there is none',
    run: (args) => buildAndRunScript('scripts/chromium.ts', args),
  },
  audit: {
    does: 'look for known vulnerabilities in what users install',
    run: (args) => pinned('scripts/audit.ts', args),
  },
}

/**
 * Runs a file of the repository under the pinned Node, as a direct child: no npm, npx or pnpm stands between a signal
 * and its target.
 * @param {string} file path from the root
 * @param {string[]} args
 */
function pinned(file, args) {
  return runToExit(PINNED_NODE, [join(ROOT, file), ...args], { cwd: ROOT })
}

/** @param {string[]} args */
async function build(args) {
  const code = await pinned('node_modules/typescript/bin/tsc', ['-b', 'tsconfig.build.json', ...args])
  if (code !== 0) say(`the build failed (tsc exited with ${code}): correct the type errors above and try again`)
  return code
}

/**
 * @param {string} file path from the root
 * @param {string[]} args
 */
async function buildAndRunScript(file, args) {
  const built = await build([])
  return built === 0 ? pinned(file, args) : built
}

/**
 * @param {string} file path from the root
 * @param {string[]} args
 */
async function buildAndRun(file, args) {
  const built = await build([])
  if (built !== 0) return built
  if (!existsSync(join(ROOT, file))) {
    const source = file.replace('/dist/', '/src/').replace(/\.js$/, '.ts')
    throw new StepFailed(`${file} is missing after the build: expected it to come from ${source}; see that this exists`)
  }
  return pinned(file, args)
}

/** @param {string[]} argv */
async function main([name = '', ...args]) {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    const list = Object.entries(COMMANDS).map(([known, { does }]) => `  npm run ${known.padEnd(10)} ${does}`)
    throw new StepFailed(`no such command: ${JSON.stringify(name)}; expected one of\n${list.join('\n')}`)
  }
  await ensureInstalled(ROOT)
  return command.run(args)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof StepFailed)) throw error
  say(error.message)
  process.exitCode = 1
}
