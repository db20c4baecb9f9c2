/**
 * Owns the system's time and turns of the event loop, for tests over real sockets and processes.
 * Must not know: who waits. The only file of this package that touches the system's timers.
 * Invariant: see Clock; `every` does not keep the process alive, `after` does.
 */
import type { Clock } from '@shardwire/protocol'

/** Real time; what a test with a clock of its own to move takes is FakeClock. */
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

/** Settles in the next turn of the event loop, after what is ready in this one was served. */
export async function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setImmediate(resolve)
  await promise
}
