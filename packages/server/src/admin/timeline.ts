/**
 * Owns the last minutes of the daemon, a point a second, so that who opens the dashboard sees what was before.
 * Must not know: who asks.
 * Invariant: SECONDS_KEPT points at most, whether anybody looks or not; nothing is asked of workers for it, it is made
 * of what they report anyhow.
 */
import type { CancelTimer } from '@shardwire/protocol'
import { type Point, pointOf } from './point.ts'
import type { Status } from './status.ts'
import { viewOf } from './view.ts'

export const SECONDS_KEPT = 300

export interface TimelineParts {
  readonly status: () => Status
  /** Calls at each second of the daemon. */
  readonly listen: (onSecond: () => void) => CancelTimer
}

export class Timeline {
  readonly #points: Point[] = []
  #before: Status | undefined

  constructor({ status, listen }: TimelineParts) {
    listen(() => this.#add(status()))
  }

  /** Oldest first. */
  get points(): readonly Point[] {
    return this.#points
  }

  /** As of the last second: two of them have one report of each worker between them. */
  get status(): Status | undefined {
    return this.#before
  }

  #add(status: Status): void {
    if (this.#before !== undefined) this.#points.push(pointOf(status.now, viewOf(this.#before, status)))
    if (this.#points.length > SECONDS_KEPT) this.#points.shift()
    this.#before = status
  }
}
