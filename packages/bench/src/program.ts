/**
 * Owns the program `shardwire-bench` in its process: arguments, signals and exit code.
 * Must not know: commands.
 * Invariant: the first Ctrl-C ends a run early and lets it report; the second ends the program at once, and with it the
 * load processes, whose channel closes.
 */
import process from 'node:process'

import { runCli } from './cli.ts'
import { EXIT_INVALID } from './exit-codes.ts'
import { standardOutputs } from './output.ts'

/** @returns the exit code */
export async function runProgram(args: readonly string[]): Promise<number> {
  const cutShort = new AbortController()
  const onSignal = (): void => {
    if (cutShort.signal.aborted) process.exit(EXIT_INVALID)
    cutShort.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return await runCli(args, standardOutputs(), cutShort.signal)
}
