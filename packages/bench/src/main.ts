#!/usr/bin/env node
/**
 * Owns the program `shardwire-bench`: arguments, signals and exit code of its process.
 * Must not know: commands.
 * Invariant: the first Ctrl-C ends a run early and lets it report; the second ends the program at once, and with it the
 * load processes, whose channel closes.
 */
import process from 'node:process'

import { runCli } from './cli.ts'
import { EXIT_INVALID } from './exit-codes.ts'
import { standardOutputs } from './output.ts'

const cutShort = new AbortController()

function onSignal(): void {
  if (cutShort.signal.aborted) process.exit(EXIT_INVALID)
  cutShort.abort()
}

process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)
process.exitCode = await runCli(process.argv.slice(2), standardOutputs(), cutShort.signal)
