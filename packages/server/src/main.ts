#!/usr/bin/env node
/**
 * Owns the first moment of `shardwire`, whether this Node can run it at all, and the last, its exit.
 * Must not know: commands.
 * Invariant: nothing but the check is loaded before it has passed: an older Node fails already at loading the rest.
 */
import process from 'node:process'
import { nodeProblem } from '@shardwire/protocol/node-version'

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
