/**
 * Owns the command line of `shardwire`: which command is meant, and its exit code.
 * Must not know: how a command does its work.
 * Invariant: never throws for what a user typed.
 */
import { readFileSync } from 'node:fs'
import { formatEffective, formatProblems } from './config/format.ts'
import { loadConfig } from './config/load-config.ts'
import { readMachine } from './config/machine.ts'
import { dev } from './dev/dev.ts'
import { setByDev } from './dev/set-by-dev.ts'
import { EXIT_CONFIG, serve } from './serve.ts'
import { VERSION } from './version.ts'

const HELP = `shardwire ${VERSION}: a TCP server that shards its connections over worker processes

Usage: shardwire [command]
       shardwire dev ./service.ts

Commands:
  serve      run the daemon in the foreground (the default)
  dev FILE   run the daemon with the service of this module, and replace its worker when the module, or
             what it imports, changes
  config     print the effective configuration and where each value comes from

  doctor     say what of this machine is too small for what is configured and, where the daemon runs,
             what holds it back, each with the command that mends it; exits with 1 when there is something
  status     show the daemon that SHARDWIRE_ADMIN names; exits with 0 when it is ready
  top        the same live, second by second, with who talks most and who is slow
  conns      show its connections, one of them, or those that ended (--closed)
  kick ID    close a connection: told to leave and answered, or at once (--reset)
  profile    take a CPU or heap profile of a worker while it serves, into a file for Chrome's DevTools
  reload     do what SIGHUP does, and tell what became of it
  drain      do what SIGTERM does, and wait for the end
             Each takes --json and --admin http://host:port; conns filters, sorts and pages (docs/operations.md).
             Those that act need the token of SHARDWIRE_ADMIN_TOKEN or SHARDWIRE_ADMIN_TOKEN_FILE.

Options:
  --help     print this
  --version  print the version

Everything is tuned through the environment: SHARDWIRE_LISTEN, SHARDWIRE_WORKERS and so on;
\`shardwire config\` prints them all. SIGTERM and SIGINT drain: what is in flight is answered,
then the daemon exits with 0. SIGHUP reads the file of SHARDWIRE_ENV_FILE again and
replaces the workers one by one; docs/operations.md has the rest.
`

const BUILT_IN: ReadonlySet<string> = new Set(['serve', 'dev', 'config', '--help', '--version', '-v'])

/** @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const [first, ...others] = argv
  if (first !== undefined && !BUILT_IN.has(first) && !isHelp(first)) {
    const exitCode = await askDaemon(first, others)
    if (exitCode !== undefined) return exitCode
  }
  const [command = 'serve', ...rest] = argv.some(isHelp) ? ['--help'] : argv
  if (command === 'dev') return runDev(rest)
  const set = command === 'serve' ? setByDev(rest) : undefined
  if (set !== undefined) return await serve(write, writeError, set)
  if (rest.length > 0) return usage(`${command} takes no arguments, got: ${rest.join(' ')}`)
  switch (command) {
    case 'serve':
      return serve(write, writeError)
    case 'config':
      return printConfig()
    case '--help':
      write(HELP)
      return 0
    case '--version':
    case '-v':
      write(`${VERSION}\n`)
      return 0
    default:
      return usage(`there is no command ${command}`)
  }
}

async function runDev(paths: readonly string[]): Promise<number> {
  const [path] = paths
  if (path !== undefined && paths.length === 1) return await dev(path, writeError)
  return usage(`dev takes the path of one module, such as ./service.ts, got: ${paths.join(' ') || 'nothing'}`)
}

/** @returns undefined where the command is not one that asks a daemon */
async function askDaemon(command: string, args: readonly string[]): Promise<number | undefined> {
  // Loaded here, so that a daemon does not carry it.
  const { runShellCommand } = await import('./admin/shell/shell.ts')
  return await runShellCommand(command, args)
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h' || argument === 'help'
}

function printConfig(): number {
  const loaded = loadConfig(process.env, readMachine(), (path) => readFileSync(path, 'utf8'))
  if (loaded.ok) {
    write(`${formatEffective(loaded.config, loaded.sources)}\n`)
    return 0
  }
  writeError(`${formatProblems(loaded.problems)}\n`)
  return EXIT_CONFIG
}

function usage(problem: string): number {
  writeError(`shardwire: ${problem}\nTry \`shardwire --help\`.\n`)
  return EXIT_CONFIG
}

function write(text: string): void {
  process.stdout.write(text)
}

function writeError(text: string): void {
  process.stderr.write(text)
}
