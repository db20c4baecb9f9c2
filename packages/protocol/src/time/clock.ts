/**
 * Owns the interface through which every package asks for time, so that a test can hold it still.
 * Must not know: where time comes from; each package that runs has a system clock of its own.
 * Invariant: the clock is monotonic: a stepped wall clock moves no deadline.
 */

/** Ends what `after` or `every` began; calling it twice, or late, does nothing. */
export type CancelTimer = () => void

export interface Clock {
  /** Milliseconds on the monotonic clock, with a fraction; only differences mean something. */
  nowMs(): number
  /** Milliseconds since 1970 on the wall clock: for what people read, never for deadlines. */
  wallMs(): number
  /** Runs `task` once, `delayMs` milliseconds from now. Keeps the process alive until then. */
  after(delayMs: number, task: () => void): CancelTimer
  /** Runs `task` every `intervalMs` milliseconds. Does not keep the process alive. */
  every(intervalMs: number, task: () => void): CancelTimer
}
