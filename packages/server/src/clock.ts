/**
 * Owns the real time: the only file of the server that asks the runtime for it.
 * Must not know: what is timed.
 * Invariant: `nowMs` is the machine-wide monotonic clock, so that primary and workers may compare their readings.
 * `performance.now` reads the same clock in a third of the time and without an array, but counts from the start of its
 * process: that is added.
 */
import { performance } from 'node:perf_hooks'
import type { CancelTimer, Clock } from '@shardwire/protocol'

const MS_PER_S = 1000
const NS_PER_MS = 1e6
/** Of both clocks, to find one pair that nothing came between. */
const READINGS = 5

/** When this process started, on the machine-wide clock. */
const PROCESS_START_MS = processStartMs()

/** Between the two readings the process may have to wait for a core, which makes their difference too small. */
function processStartMs(): number {
  let startMs = -Infinity
  for (let reading = 0; reading < READINGS; reading++) {
    const [seconds, nanoseconds] = process.hrtime()
    startMs = Math.max(startMs, seconds * MS_PER_S + nanoseconds / NS_PER_MS - performance.now())
  }
  return startMs
}

export const systemClock: Clock = {
  nowMs: () => performance.now() + PROCESS_START_MS,
  wallMs: () => Date.now(),
  after(delayMs: number, task: () => void): CancelTimer {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
  every(intervalMs: number, task: () => void): CancelTimer {
    const timer = setInterval(task, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}
