/**
 * Owns the last minutes of the daemon as columns of numbers, one a second.
 * Must not know: how they are drawn.
 * Invariant: times grow strictly; where seconds are missing, or the daemon was started again, a row of nulls stands, so
 * that no line is drawn over what nobody saw.
 */
import type { Point } from '../admin/point.ts'

export const SECONDS_SHOWN = 300
/** Longer than that between two points is a gap. */
const GAP_MS = 3500
const MS_PER_S = 1000
/** Between two times at least. */
const STEP_S = 0.001

export type Column = Exclude<keyof Point, 'at' | 'latencyCounts' | 'loops'>
type Value = number | null

interface Row {
  readonly point: Point
  /** Which daemon it is of. */
  readonly life: string
}

export class Series {
  /** Seconds since 1970, by the daemon's clock. */
  times: readonly number[] = []
  #rows: readonly Row[] = []
  /** Those, and null in each gap. */
  #shown: readonly (Point | null)[] = []

  /** The second that has passed. */
  add(point: Point, life: string): void {
    this.#keep([...this.#rows, { point, life }])
  }

  /** What the daemon remembers itself, oldest first: it stands for all that was seen of that time. */
  merge(points: readonly Point[], life: string): void {
    const [first, last] = [points[0], points.at(-1)]
    if (first === undefined || last === undefined) return
    const before = this.#rows.filter((row) => row.life !== life || row.point.at < first.at)
    const since = this.#rows.filter((row) => row.life === life && row.point.at > last.at)
    this.#keep([...before, ...points.map((point) => ({ point, life })), ...since])
  }

  column(name: Column): readonly Value[] {
    return this.#shown.map((point) => point?.[name] ?? null)
  }

  latest(name: Column): Value {
    return this.#rows.at(-1)?.point[name] ?? null
  }

  /** Counts by bucket of the histogram; null in gaps. */
  get heat(): readonly (readonly number[] | null)[] {
    return this.#shown.map((point) => point?.latencyCounts ?? null)
  }

  /** Parts of the time that the loop of a worker was busy. */
  loop(worker: number): readonly Value[] {
    return this.#shown.map((point) => point?.loops[worker] ?? null)
  }

  #keep(rows: readonly Row[]): void {
    const end = rows.at(-1)?.point.at ?? 0
    // Of a clock that was set back what is later than now is forgotten too.
    this.#rows = rows.filter(({ point }) => point.at > end - SECONDS_SHOWN * MS_PER_S && point.at <= end)
    const times: number[] = []
    const shown: (Point | null)[] = []
    for (const [index, { point, life }] of this.#rows.entries()) {
      const before = this.#rows[index - 1]
      const at = Math.max(point.at / MS_PER_S, (times.at(-1) ?? -Infinity) + 2 * STEP_S)
      if (before !== undefined && (before.life !== life || point.at - before.point.at > GAP_MS)) {
        times.push((times.at(-1) ?? 0) + STEP_S)
        shown.push(null)
      }
      times.push(at)
      shown.push(point)
    }
    this.times = times
    this.#shown = shown
  }
}
