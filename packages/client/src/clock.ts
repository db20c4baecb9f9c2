/**
 * Owns the system clock of the client; every other file is given a Clock.
 * Must not know: who waits for what.
 * Invariant: monotonic; see Clock. The only file of this package with timers in it.
 */
import type { Clock } from '@shardwire/protocol'

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
  every: (intervalMs, task) => {
    const timer = setInterval(task, intervalMs).unref()
    return () => {
      clearInterval(timer)
    }
  },
}
