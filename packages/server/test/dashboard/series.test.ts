import { describe, expect, it } from 'vitest'
import { type Point, pointOf } from '../../src/admin/point.ts'
import { viewOf } from '../../src/admin/view.ts'
import { Series, SECONDS_SHOWN } from '../../src/dashboard/series.ts'
import { status } from '../admin/samples.ts'

/** Of a second in which as many frames came as it is seconds since 1970. */
function pointAt(second: number): Point {
  const ms = second * 1000
  return pointOf(ms, viewOf(status(ms - 1000, 0, 1, 10), status(ms, second, 1, 10)))
}

function times(series: Series): number[] {
  return series.times.map((at) => Math.floor(at))
}

describe('the last minutes', () => {
  it('are columns that grow together, and forget what is older', () => {
    const series = new Series()
    for (let second = 1; second <= SECONDS_SHOWN + 50; second++) series.add(pointAt(second), 'a')
    expect(series.times).toHaveLength(SECONDS_SHOWN)
    expect(series.times[0]).toBe(51)
    expect(series.column('framesIn')).toHaveLength(SECONDS_SHOWN)
    expect(series.column('framesIn').at(-1)).toBe(350)
    expect(series.heat).toHaveLength(SECONDS_SHOWN)
    expect(series.loop(0)).toHaveLength(SECONDS_SHOWN)
    expect(series.loop(7).every((value) => value === null)).toBe(true)
  })

  it('have a gap where seconds are missing, or the daemon is another one', () => {
    const series = new Series()
    for (const second of [1, 2, 10]) series.add(pointAt(second), 'a')
    for (const second of [11, 12]) series.add(pointAt(second), 'b')
    expect(series.column('framesIn')).toEqual([1, 2, null, 10, null, 11, 12])
    expect(series.heat[2]).toBe(null)
    expect(series.times).toEqual(series.times.toSorted((a, b) => a - b))
    expect(new Set(series.times).size).toBe(series.times.length)
  })

  it('are what the daemon remembers, what was seen before that, and what came since', () => {
    const series = new Series()
    series.add(pointAt(1), 'a')
    for (const second of [3, 5, 6]) series.add(pointAt(second), 'b')
    series.merge([2, 3, 4, 5].map(pointAt), 'b')
    expect(times(series)).toEqual([1, 1, 2, 3, 4, 5, 6])
    expect(series.column('framesIn')).toEqual([1, null, 2, 3, 4, 5, 6])
    series.merge([], 'b')
    expect(series.times).toHaveLength(7)
  })

  it('go on when the clock is set back', () => {
    const series = new Series()
    for (const second of [1000, 1001, 400]) series.add(pointAt(second), 'a')
    expect(times(series)).toEqual([400])
  })
})
