/**
 * Owns the program `shardwire-client` in its process: arguments, streams, signals and exit code.
 * Must not know: commands.
 */
import process from 'node:process'
import { systemClock } from '../clock.ts'
import { runCommandLine } from './command-line.ts'

/** @returns the exit code */
export async function runProgram(args: readonly string[]): Promise<number> {
  // A reader that has gone, as `| head` does, ends the program in silence.
  process.stdout.on('error', () => process.exit(0))
  return await runCommandLine(args, {
    input: process.stdin,
    out: process.stdout,
    err: process.stderr,
    isTerminal: process.stdin.isTTY && process.stdout.isTTY,
    clock: systemClock,
    onInterrupt: (listener) => {
      process.on('SIGINT', listener)
      return () => {
        process.off('SIGINT', listener)
      }
    },
  })
}
