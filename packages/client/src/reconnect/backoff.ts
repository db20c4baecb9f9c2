/**
 * Owns how long to wait before an attempt is repeated: exponential, with full jitter.
 * Must not know: what is attempted.
 * Invariant: the wait is evenly spread over all that it may be, so that many who failed together do not come together.
 */
import type { Random } from '../random.ts'

export interface BackoffRange {
  /** Longest wait after the first failure, in milliseconds. */
  readonly minMs: number
  /** Longest wait after any number of failures, in milliseconds. */
  readonly maxMs: number
}

/**
 * A wait in [0, longest), where longest begins at minMs and doubles up to maxMs.
 * @param doublings how often it has doubled: 0 after the first failure
 */
export function backoffMs(doublings: number, { minMs, maxMs }: BackoffRange, random: Random): number {
  return random() * Math.min(maxMs, minMs * 2 ** doublings)
}
