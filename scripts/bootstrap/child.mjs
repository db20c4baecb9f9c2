/**
 * Owns a child process in the foreground: its stdio is ours, the signals that we get are its signals, its end is ours.
 * Must not know which program it runs.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { StepFailed } from './report.mjs'

/**
 * Asked to stop (SIGTERM), interrupted (SIGINT), asked to replace its workers (SIGHUP). A Ctrl-C at a terminal already
 * reaches the whole process group, so the child may see that one twice.
 * @type {readonly NodeJS.Signals[]}
 */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP']

/**
 * Runs a program and waits for its end.
 * @param {string} file path of the executable
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} its exit code, or 128 + the signal's number when a signal ended it, as shells have it
 */
export async function runToExit(file, args, options = {}) {
  const child = spawn(file, args, { ...options, stdio: 'inherit' })
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (cause) => {
        reject(new StepFailed(`cannot run ${file}: ${cause.message}; delete node_modules and try again`))
      })
      child.once('exit', (code, signal) => resolve(exitCode(code, signal)))
    })
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function exitCode(code, signal) {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal]
}
