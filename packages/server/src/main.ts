#!/usr/bin/env node
/**
 * Owns the first moment of `shardwire`, whether this Node can run it at all, and the last, its exit.
 * Must not know: commands.
 * Invariant: nothing but the check, and who keeps an early SIGHUP, is loaded before it has passed: an older Node fails
 * already at loading the rest, and loading it takes longer than all before.
 */
import process from 'node:process'
import { nodeProblem } from '@shardwire/protocol/node-version'
import { awaitHangup } from './hangups.ts'

// Of a daemon it asks for a reload, however early; any other command ends by it.
const [command = 'serve'] = process.argv.slice(2)
if (command === 'serve') awaitHangup()
const problem = nodeProblem('shardwire', process.versions.node)
if (problem === undefined) {
  const { runCommandLine } = await import('./command-line.ts')
  process.exitCode = await runCommandLine(process.argv.slice(2))
} else {
  process.stderr.write(`${problem}\n`)
  process.exitCode = 1
}
// What is left (a worker's channel, a signal handler) must not keep a daemon that has finished.
process.exit()
