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

Options:
  --help     print this
  --version  print the version

Everything is tuned through the environment: SHARDWIRE_LISTEN, SHARDWIRE_WORKERS and so on;
\`shardwire config\` prints them all. SIGTERM and SIGINT drain: what is in flight is answered,
then the daemon exits with 0. SIGHUP reads the file of SHARDWIRE_ENV_FILE again and
replaces the workers one by one; docs/operations.md has the rest.
`

/** @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const [command = 'serve', ...rest] = argv.some(isHelp) ? ['--help'] : argv
  if (command === 'dev') return runDev(rest)
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
