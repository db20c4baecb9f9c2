import { describe, expect, it } from 'vitest'
import { RestartBackoff } from '../../src/primary/restart-backoff.ts'

describe('RestartBackoff', () => {
  it('doubles from 100 ms to 5 s while workers die young', () => {
    const backoff = new RestartBackoff()
    expect(Array.from({ length: 8 }, () => backoff.next(50))).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
  })

  it('begins anew after a worker that lasted', () => {
    const backoff = new RestartBackoff()
    backoff.next(50)
    backoff.next(50)
    expect([backoff.next(10_000), backoff.next(0)]).toEqual([100, 200])
  })
})
