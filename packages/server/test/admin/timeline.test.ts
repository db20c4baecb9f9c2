import { describe, expect, it } from 'vitest'
import { SECONDS_KEPT, Timeline } from '../../src/admin/timeline.ts'
import { status } from './samples.ts'

describe('the timeline', () => {
  it('keeps a point a second, of the last minutes, and none of before the first status', () => {
    let second = 0
    let onSecond = (): void => undefined
    const timeline = new Timeline({
      status: () => status(second * 1000, second * 100, second, second),
      listen: (task) => {
        onSecond = task
        return () => undefined
      },
    })
    const pass = (): void => {
      second++
      onSecond()
    }
    pass()
    expect(timeline.points).toEqual([])
    pass()
    expect(timeline.points).toMatchObject([{ at: 2000, framesIn: 100, connections: 5, loops: [1], p50: 0.0015 }])
    for (let more = 0; more < SECONDS_KEPT + 10; more++) pass()
    expect(timeline.points).toHaveLength(SECONDS_KEPT)
    expect(timeline.points.at(-1)?.at).toBe(second * 1000)
    expect(timeline.points[0]?.at).toBe((second - SECONDS_KEPT + 1) * 1000)
  })
})
