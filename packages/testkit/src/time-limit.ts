/**
 * Owns the one patience of tests: how long anything may take before the test says what it was waiting for.
 * Must not know: what is waited for.
 * Invariant: a limit is no sleep. Nothing passes because of it, and no timer outlives what it guarded.
 */
import { systemClock } from './clock.ts'

/** Long for anything on one machine, short of vitest's own limit, so that ours is the message that is seen. */
export const LIMIT_MS = 25_000

/** Settles as `work` does; after `limitMs` milliseconds rejects with what `describe` says is missing. */
export async function withinLimit<T>(work: Promise<T>, describe: () => string, limitMs = LIMIT_MS): Promise<T> {
  const expired = Promise.withResolvers<never>()
  const cancel = systemClock.after(limitMs, () => {
    expired.reject(new Error(`${describe()} (waited ${limitMs} ms)`))
  })
  try {
    return await Promise.race([work, expired.promise])
  } finally {
    cancel()
  }
}
