/**
 * Owns which figures of a latency a report shows, and in which order.
 * Must not know: how they are written, in which unit.
 * Invariant: text and page show the same rows.
 */
import type { LatencyReport } from './schema/parts.ts'

export const LATENCY_ROWS: readonly (readonly [name: string, us: (latency: LatencyReport) => number])[] = [
  ['min', ({ minUs }) => minUs],
  ['mean', ({ meanUs }) => meanUs],
  ['p50', ({ p50Us }) => p50Us],
  ['p90', ({ p90Us }) => p90Us],
  ['p99', ({ p99Us }) => p99Us],
  ['p99.9', ({ p999Us }) => p999Us],
  ['p99.99', ({ p9999Us }) => p9999Us],
  ['max', ({ maxUs }) => maxUs],
]
