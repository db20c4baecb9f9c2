/**
 * Owns the system clock of the bench: the one file that touches the global clock and timers.
 * Must not know: what is timed.
 * Invariant: monotonic. `performance.now()` is the hrtime clock as a double of milliseconds with a nanosecond's
 * resolution: times 1000 it is microseconds without a BigInt or an array for every reading.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { EventLoopUtilization } from 'node:perf_hooks'

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
  every(intervalMs, task) {
    const timer = setInterval(task, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** Microseconds on the monotonic clock, with a fraction; only differences mean something. */
export function nowUs(clock: Clock): number {
  return clock.nowMs() * 1000
}

/** Busy and idle time of the event loop, since its beginning or since an earlier reading. */
export function loopUtilization(since?: EventLoopUtilization): EventLoopUtilization {
  return performance.eventLoopUtilization(since)
}

/** Runs `task` once in every turn of the event loop, which does not sleep meanwhile. */
export function eachTurn(task: () => void): CancelTimer {
  let goesOn = true
  const turn = (): void => {
    if (!goesOn) return
    task()
    if (goesOn) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    goesOn = false
  }
}
