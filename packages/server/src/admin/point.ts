/**
 * Owns one second of the daemon in a few numbers: what lines and heat maps are drawn from.
 * Must not know: who keeps or draws them. It runs in the daemon and in a browser alike.
 */
import type { View } from './view.ts'

export interface Point {
  /** Milliseconds since 1970, of its end. */
  readonly at: number
  readonly connections: number
  /** A second, these. */
  readonly framesIn: number
  readonly framesOut: number
  readonly bytes: number
  readonly failed: number
  readonly ended: number
  readonly inFlight: number
  /** Seconds; null where nothing was timed. */
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  readonly p999: number | null
  /** Of all routes, by bucket. */
  readonly latencyCounts: readonly number[]
  /** Parts of the time that the loops of workers were busy, by slot. */
  readonly loops: readonly number[]
}

/** @param at milliseconds since 1970 @param view of the second that ended then */
export function pointOf(at: number, view: View): Point {
  const { p50, p90, p99, p999 } = view.latency
  const short = (value: number | undefined): number | null => (value === undefined ? null : rounded(value))
  return {
    at,
    connections: view.connections,
    framesIn: rounded(view.framesInPerSecond),
    framesOut: rounded(view.framesOutPerSecond),
    bytes: rounded(view.bytesInPerSecond + view.bytesOutPerSecond),
    failed: rounded(view.routes.reduce((sum, route) => sum + route.failedPerSecond, 0)),
    ended: rounded(view.closedPerSecond),
    inFlight: view.requestsInFlight,
    p50: short(p50),
    p90: short(p90),
    p99: short(p99),
    p999: short(p999),
    latencyCounts: [...view.latencyCounts],
    loops: view.workers.map(({ loop }) => rounded(loop)),
  }
}

const DIGITS = 4

/** To four digits: what nobody sees takes no room on the way. */
function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS))
}
