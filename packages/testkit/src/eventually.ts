/**
 * Owns waiting for what tells nobody when it happens: a state that can only be looked at, as in /proc.
 * Must not know: what is looked at.
 * Invariant: settles as soon as a look succeeds; nothing passes because time did. Where there is an event, wait for it.
 */
import { systemClock } from './clock.ts'
import { LIMIT_MS } from './time-limit.ts'

const LOOK_INTERVAL_MS = 20

/** Looks until `look` gives something but undefined and false. @param describe what is missing when it never does */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  describe: () => string,
  limitMs = LIMIT_MS,
): Promise<T> {
  const endMs = systemClock.nowMs() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (systemClock.nowMs() >= endMs) throw new Error(`${describe()} (looked for ${limitMs} ms)`)
    const { promise, resolve } = Promise.withResolvers<void>()
    systemClock.after(LOOK_INTERVAL_MS, resolve)
    await promise
  }
}
