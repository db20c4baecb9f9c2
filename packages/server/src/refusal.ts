/**
 * Owns why an accepted socket was closed without having been served: one number to count by, one name for log and test.
 * Must not know: sockets.
 * Invariant: a socket that is refused is counted under exactly one of these; a number is never reused.
 */

export const REFUSALS = [
  /** SHARDWIRE_HANDOFF_QUEUE sockets were on their way already. */
  'QUEUE_FULL',
  /** No worker took it within SHARDWIRE_HANDSHAKE_TIMEOUT_MS. */
  'TOO_OLD',
  /** The primary, or every worker that could have had it, is at its limit of open files. */
  'NO_DESCRIPTORS',
  /** The daemon ended while it was on its way. */
  'STOPPING',
] as const

export type RefusalName = (typeof REFUSALS)[number]

/** Numbers by name: `Refusal.QUEUE_FULL`. */
export const Refusal = Object.freeze(Object.fromEntries(REFUSALS.map((name, code) => [name, code]))) as Readonly<
  Record<RefusalName, number>
>

export function createRefusals(): number[] {
  return REFUSALS.map(() => 0)
}

/** Adds `more` to `sum`, reason by reason. */
export function addRefusals(sum: number[], more: readonly number[]): void {
  for (const [code, count] of more.entries()) sum[code] = (sum[code] ?? 0) + count
}

/** The reasons that occurred, by name. */
export function namedRefusals(refusals: readonly number[]): Partial<Record<RefusalName, number>> {
  return Object.fromEntries(REFUSALS.map((name, code) => [name, refusals[code] ?? 0] as const).filter(([, n]) => n > 0))
}
