/**
 * Owns what is counted of mirroring.
 * Must not know: who reads it.
 * Invariant: every frame that was chosen is sent, dropped for one reason, or still waits: sampled = sent + the sum of
 * dropped + waiting. All but `waiting` only grow.
 */

/** Why a chosen frame did not reach the target, by place in `dropped`. */
export const MirrorDrop = {
  /** No connection to the target is ready. */
  NOT_CONNECTED: 0,
  /** The target reads more slowly than frames come. */
  QUEUE_FULL: 1,
  /** Larger than the target takes, or than the queue. */
  TOO_LARGE: 2,
  /** Waited to be sent, or was being sent, when the connection to the target ended. */
  LOST: 3,
} as const

/** As the log and metrics name them. */
export const MIRROR_DROP_NAMES = ['not-connected', 'queue-full', 'too-large', 'lost'] as const

/** Comparisons of one route. */
export interface MirrorRouteCounters {
  readonly route: number
  readonly name: string
  /** Kind and body were the same. */
  matched: number
  differed: number
  /** The original was answered; the target did not answer in time, lost its connection, or was too busy to serve. */
  unanswered: number
}

export interface MirrorCounters {
  /** MESSAGEs and REQUESTs chosen to be mirrored. */
  sampled: number
  /** Those that the kernel took for the target. */
  sent: number
  /** Those that wait for that. */
  waiting: number
  /** Those that were dropped, by MirrorDrop. */
  readonly dropped: number[]
  /** Connections to the target that became ready. */
  connects: number
  /** REQUESTs of compared routes that could not be compared: too many at once, or the original got no answer either. */
  uncompared: number
  /** Routes that are compared. */
  readonly routes: MirrorRouteCounters[]
}

export function createMirrorCounters(): MirrorCounters {
  const dropped = MIRROR_DROP_NAMES.map(() => 0)
  return { sampled: 0, sent: 0, waiting: 0, dropped, connects: 0, uncompared: 0, routes: [] }
}

/** As the log shows them. */
export function describeMirror({ dropped, routes, ...counts }: MirrorCounters): Record<string, unknown> {
  const named = MIRROR_DROP_NAMES.map((name, reason): [string, number] => [name, dropped[reason] ?? 0])
  return { ...counts, dropped: Object.fromEntries(named), routes: routes.map((route) => ({ ...route })) }
}
