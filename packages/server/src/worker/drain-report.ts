/**
 * Owns what a drain came to, in numbers.
 * Must not know: connections.
 */

export interface DrainReport {
  /** Calls in flight when it began, that have been answered. */
  readonly answered: number
  /** Connections that ended by themselves or at their moment. */
  readonly closed: number
  /** Connections that were still busy at the deadline, and were cut off. */
  readonly forced: number
  /** Milliseconds from its beginning to the end of the last connection. */
  readonly longestMs: number
}

export const NOTHING_DRAINED: DrainReport = { answered: 0, closed: 0, forced: 0, longestMs: 0 }

/** Of two workers that drained at the same time. */
export function addDrain(one: DrainReport, other: DrainReport): DrainReport {
  return {
    answered: one.answered + other.answered,
    closed: one.closed + other.closed,
    forced: one.forced + other.forced,
    longestMs: Math.max(one.longestMs, other.longestMs),
  }
}

/** In words. */
export function describeDrain({ answered, closed, forced, longestMs }: DrainReport): string {
  const cut = forced === 0 ? '' : `; ${forced} connections were still busy at the deadline and were cut off`
  return `${answered} calls answered, ${closed} connections closed, the last after ${longestMs} ms${cut}`
}
