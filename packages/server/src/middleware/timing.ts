/**
 * Owns telling how long each request took, for whatever counts or measures.
 * Must not know: what that is.
 */
import type { Clock } from '@shardwire/protocol'
import { systemClock } from '../clock.ts'
import type { Middleware } from '../service/middleware.ts'
import { observe, type Outcome } from './observe.ts'

/** What is told of a request. */
export interface Timing extends Outcome {
  /** Name of the route. */
  readonly route: string
}

export interface TimingOptions {
  readonly clock?: Clock | undefined
}

/** Tells of each request how long it took and how it went. What `tell` throws becomes the request's failure. */
export function timing(tell: (timing: Timing) => void, { clock = systemClock }: TimingOptions = {}): Middleware {
  return ({ route }, next) => observe(next, clock, ({ durationMs, error }) => tell({ route, durationMs, error }))
}
