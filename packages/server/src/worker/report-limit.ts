/**
 * Owns how often the same thing is said in the log.
 * Must not know: what is said.
 * Invariant: at most REPORTS_MAX of a key in an interval; how many more there were is said at its end.
 */
import type { Clock } from '@shardwire/protocol'

const INTERVAL_MS = 10_000
export const REPORTS_MAX = 5

/** @returns what counts a report of a key, and says whether it is to be made */
export function createLimit<Key extends string>(
  clock: Clock,
  suppress: (key: Key, count: number) => void,
): (key: Key) => boolean {
  const counts = new Map<Key, number>()
  clock.every(INTERVAL_MS, () => {
    for (const [key, count] of counts) if (count > REPORTS_MAX) suppress(key, count - REPORTS_MAX)
    counts.clear()
  })
  return (key) => {
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count <= REPORTS_MAX
  }
}
