#!/usr/bin/env node
/**
 * Owns the first moment of `shardwire-client`: whether this Node can run it at all.
 * Must not know: commands, signals.
 * Invariant: nothing but the check is loaded before it has passed: an older Node fails already at loading the rest,
 * with a stack trace instead of a sentence.
 */
import process from 'node:process'

import { nodeProblem } from '@shardwire/protocol/node-version'

const problem = nodeProblem('shardwire-client', process.versions.node)
if (problem === undefined) {
  const { runProgram } = await import('./program.ts')
  process.exitCode = await runProgram(process.argv.slice(2))
} else {
  process.stderr.write(`${problem}\n`)
  process.exitCode = 1
}
