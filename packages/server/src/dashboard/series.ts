/**
 * Owns the last minutes of the daemon as columns of numbers, one a second.
 * Must not know: how they are drawn.
 * Invariant: times grow strictly; where seconds are missing, or the daemon was started again, a row of nulls stands, so
 * that no line is drawn over what nobody saw.
 */
import type { Status } from '../admin/status.ts'
import type { View } from '../admin/view.ts'

export const SECONDS_SHOWN = 300
/** Longer than that between two samples is a gap. */
const GAP_S = 3
/** Between two times at least. */
const STEP_S = 0.001
const MS_PER_S = 1000

export const COLUMNS = [
  'connections',
  'framesIn',
  'framesOut',
  'bytes',
  'inFlight',
  'p50',
  'p90',
  'p99',
  'p999',
  'failed',
  'ended',
] as const
export type Column = (typeof COLUMNS)[number]
type Value = number | null

export class Series {
  /** Seconds since 1970, by the daemon's clock. */
  readonly times: number[] = []
  readonly columns: Readonly<Record<Column, Value[]>>
  /** Counts by bucket of the histogram; null where nothing is known. */
  readonly heat: (readonly number[] | null)[] = []
  /** Parts of the time that loops were busy, by worker. */
  readonly loops = new Map<number, Value[]>()

  constructor() {
    this.columns = Object.fromEntries(COLUMNS.map((name) => [name, []])) as unknown as Record<Column, Value[]>
  }

  /** Of one second. */
  add(status: Status, view: View): void {
    const last = this.times.at(-1)
    const at = Math.max(status.now / MS_PER_S, (last ?? 0) + STEP_S)
    if (last !== undefined && at - last > GAP_S) this.cut()
    this.#push(at, valuesOf(view), view.latencyCounts)
    for (const { worker, loop } of view.workers) this.#loopOf(worker).push(loop)
    this.#forget(at - SECONDS_SHOWN)
  }

  /** What follows is not joined to what was: another daemon, or nobody looked. */
  cut(): void {
    const last = this.times.at(-1)
    if (last !== undefined && this.heat.at(-1) !== null) this.#push(last + STEP_S, null, null)
  }

  latest(column: Column): Value {
    return this.columns[column].at(-1) ?? null
  }

  #loopOf(worker: number): Value[] {
    const known = this.loops.get(worker)
    if (known !== undefined) return known
    const made: Value[] = []
    this.loops.set(worker, made)
    return made
  }

  #push(at: number, values: Readonly<Record<Column, Value>> | null, counts: readonly number[] | null): void {
    this.times.push(at)
    for (const name of COLUMNS) this.columns[name].push(values?.[name] ?? null)
    this.heat.push(counts)
  }

  #forget(before: number): void {
    let gone = 0
    while ((this.times[gone] ?? Infinity) < before) gone++
    if (gone > 0) {
      this.times.splice(0, gone)
      for (const name of COLUMNS) this.columns[name].splice(0, gone)
      this.heat.splice(0, gone)
    }
    for (const loop of this.loops.values()) loop.splice(0, loop.length - SECONDS_SHOWN)
  }
}

function valuesOf(view: View): Readonly<Record<Column, Value>> {
  const { p50, p90, p99, p999 } = view.latency
  return {
    connections: view.connections,
    framesIn: view.framesInPerSecond,
    framesOut: view.framesOutPerSecond,
    bytes: view.bytesInPerSecond + view.bytesOutPerSecond,
    inFlight: view.requestsInFlight,
    p50: p50 ?? null,
    p90: p90 ?? null,
    p99: p99 ?? null,
    p999: p999 ?? null,
    failed: view.routes.reduce((sum, route) => sum + route.failedPerSecond, 0),
    ended: view.closedPerSecond,
  }
}
