import { describe, expect, it } from 'vitest'
import { viewOf } from '../../src/admin/view.ts'
import { Series, SECONDS_SHOWN } from '../../src/dashboard/series.ts'
import { status } from '../admin/samples.ts'

/** @param seconds times of the samples that are added, a frame a millisecond */
function added(series: Series, seconds: readonly number[]): void {
  for (const at of seconds) {
    const [before, after] = [status((at - 1) * 1000, (at - 1) * 1000, 1, 10), status(at * 1000, at * 1000, 1, 10)]
    series.add(after, viewOf(before, after))
  }
}

describe('the last minutes', () => {
  it('are columns that grow together, and forget what is older', () => {
    const series = new Series()
    const seconds = Array.from({ length: SECONDS_SHOWN + 50 }, (_, index) => index + 1)
    added(series, seconds)
    expect(series.times.at(-1)).toBe(SECONDS_SHOWN + 50)
    expect(series.times[0]).toBe(50)
    for (const column of [...Object.values(series.columns), series.heat]) {
      expect(column).toHaveLength(series.times.length)
    }
    expect(series.columns.framesIn.at(-1)).toBe(1000)
    expect(series.loops.get(0)).toHaveLength(SECONDS_SHOWN)
  })

  it('have a gap where seconds are missing, or the daemon is another one, and times that grow all the same', () => {
    const series = new Series()
    added(series, [1, 2, 10])
    expect(series.columns.framesIn).toEqual([1000, 1000, null, 1000])
    series.cut()
    series.cut()
    // A clock that was set back.
    added(series, [5])
    expect(series.columns.framesIn).toEqual([1000, 1000, null, 1000, null, 1000])
    expect(series.times).toEqual(series.times.toSorted((a, b) => a - b))
    expect(new Set(series.times).size).toBe(series.times.length)
  })
})
