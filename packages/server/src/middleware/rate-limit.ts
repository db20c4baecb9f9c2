/**
 * Owns how many requests a second are let through, for each connection or for each of whatever the service counts by.
 * Must not know: what requests do.
 * Invariant: in any time of t seconds at most `perSecond` x t + `burst` requests of a key get through. A bucket is told
 * by one number, the moment at which it is full again; one that is full is as good as none, so no more are kept than
 * KEYS_MAX.
 */
import { type Clock, RATE_LIMITED, ShardwireError } from '@shardwire/protocol'
import { systemClock } from '../clock.ts'
import type { Middleware } from '../service/middleware.ts'
import type { Request } from '../service/request.ts'

export interface RateLimitOptions {
  /** Requests a second, above 0. */
  readonly perSecond: number
  /** Requests that may come at once after a pause, 1 or more; as many as in a second, and one at least. */
  readonly burst?: number | undefined
  /** What is counted by, for instance the caller's name; undefined is not limited. The connection unless set. */
  readonly by?: ((request: Request) => string | undefined) | undefined
  readonly clock?: Clock | undefined
}

const MS_PER_S = 1000
/** Texts that are counted by, in a worker: those whose bucket is full are forgotten first, then the oldest. */
const KEYS_MAX = 65_536

interface Bucket {
  fullAtMs: number
}

/** Refuses with RATE_LIMITED, and the time to wait, what is over the rate. Each worker counts for itself. */
export function rateLimit(options: RateLimitOptions): Middleware {
  const { perSecond, by, clock = systemClock } = options
  const burst = options.burst ?? Math.max(1, perSecond)
  if (!(perSecond > 0)) throw new RangeError(`rateLimit: perSecond is ${perSecond}; expected a number above 0`)
  if (!(burst >= 1)) throw new RangeError(`rateLimit: burst is ${burst}; expected 1 or more`)
  const intervalMs = MS_PER_S / perSecond
  const bucketOf = by === undefined ? bucketsOfConnections() : bucketsOfTexts(by, clock)
  return (request, next) => {
    const bucket = bucketOf(request)
    if (bucket === undefined) return next()
    const nowMs = clock.nowMs()
    const fullAtMs = Math.max(bucket.fullAtMs, nowMs) + intervalMs
    const overMs = fullAtMs - nowMs - burst * intervalMs
    if (overMs > ROUNDING_MS) {
      const text = `more than ${perSecond} requests a second`
      throw new ShardwireError(RATE_LIMITED, text, { retryAfterMs: Math.ceil(overMs) })
    }
    bucket.fullAtMs = fullAtMs
    return next()
  }
}

/** Sums of intervals that are no binary fractions. */
const ROUNDING_MS = 0.01

type BucketOf = (request: Request) => Bucket | undefined

function bucketsOfConnections(): BucketOf {
  const buckets = new WeakMap<object, Bucket>()
  return ({ connection }) => {
    const known = buckets.get(connection)
    if (known !== undefined) return known
    const bucket = { fullAtMs: -Infinity }
    buckets.set(connection, bucket)
    return bucket
  }
}

function bucketsOfTexts(by: (request: Request) => string | undefined, clock: Clock): BucketOf {
  const buckets = new Map<string, Bucket>()
  return (request) => {
    const key = by(request)
    if (key === undefined) return undefined
    const known = buckets.get(key)
    if (known !== undefined) return known
    if (buckets.size >= KEYS_MAX) forget(buckets, clock.nowMs())
    const bucket = { fullAtMs: -Infinity }
    buckets.set(key, bucket)
    return bucket
  }
}

/** Makes room: for a quarter at least, so that not every new key walks over all. */
function forget(buckets: Map<string, Bucket>, nowMs: number): void {
  for (const [key, { fullAtMs }] of buckets) if (fullAtMs <= nowMs) buckets.delete(key)
  for (const key of buckets.keys()) {
    if (buckets.size <= KEYS_MAX * 0.75) return
    buckets.delete(key)
  }
}
