/**
 * Owns going over all connections of a worker without holding its loop.
 * Must not know: what is looked for.
 * Invariant: one slice takes about SLICE_MS of a turn, however many there are; those that come meanwhile are not waited
 * for.
 */
import type { Connection } from '../../worker/connection.ts'

const SLICE_MS = 1
/** Visits between two looks at the clock. */
const VISITS_UNTIMED = 64

export interface WalkParts {
  readonly connections: ReadonlySet<Connection>
  /** The time itself. */
  readonly nowMs: () => number
  /** Runs a task in the next turn of the loop. */
  readonly later: (task: () => void) => void
}

/** @param visit returns false to end it there */
export async function walk(
  { connections, nowMs, later }: WalkParts,
  visit: (one: Connection) => boolean,
): Promise<void> {
  const iterator = connections.values()
  let left = connections.size
  for (;;) {
    const untilMs = nowMs() + SLICE_MS
    for (let visits = 1; visits % VISITS_UNTIMED !== 0 || nowMs() < untilMs; visits++) {
      const { done, value } = iterator.next()
      if (done === true || left-- <= 0 || !visit(value)) return
    }
    await new Promise<void>((resolve) => {
      later(resolve)
    })
  }
}
