/**
 * Owns the one question whether a handler goes on after it returned.
 * Must not know: handlers, requests.
 * Invariant: whoever asks gets the same answer for the same value, unless its own code changes it.
 */

/** Whether a handler goes on; reading `then` may run its code. */
export function isPromise(value: unknown): boolean {
  if (value instanceof Promise) return true
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
