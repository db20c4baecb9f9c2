/**
 * Owns how the bootstrap speaks: one prefix, stderr only, and one error type for a step that failed in a way that the
 * reader can mend, so that it needs no stack trace.
 */

export class StepFailed extends Error {}

/** @param {string} message */
export function say(message) {
  process.stderr.write(`shardwire: ${message}\n`)
}
