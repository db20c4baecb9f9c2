/**
 * Owns the call of a listener that belongs to the application.
 * Must not know: which event it is.
 * Invariant: whatever the listener does, `tell` returns; no frame of ours stays half done.
 */

/** Calls a listener, if there is one. What it throws is thrown again on its own, as an uncaught exception. */
export function tell<Arguments extends unknown[]>(
  listener: ((...args: Arguments) => void) | undefined,
  ...args: Arguments
): void {
  try {
    listener?.(...args)
  } catch (error) {
    process.nextTick(rethrow, error)
  }
}

function rethrow(error: unknown): never {
  throw error
}
