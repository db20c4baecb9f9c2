import { describe, expect, it } from 'vitest'
import { AFTER_DEATH, AFTER_REQUEST, RestartBackoff } from '../../src/primary/restart-backoff.ts'

describe('RestartBackoff', () => {
  it('after deaths: from 50 ms, doubling, to 5 s; the first four take less than a second', () => {
    const backoff = new RestartBackoff(AFTER_DEATH)
    const waits = Array.from({ length: 9 }, () => backoff.next(50))
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
  })

  it('after requests: at once, then more and more seldom', () => {
    const backoff = new RestartBackoff(AFTER_REQUEST)
    const waits = Array.from({ length: 8 }, () => backoff.next(50))
    expect(waits).toEqual([0, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })

  it('begins anew after a worker that lasted', () => {
    const backoff = new RestartBackoff(AFTER_DEATH)
    backoff.next(50)
    backoff.next(50)
    expect([backoff.next(10_000), backoff.next(0), backoff.next(0)]).toEqual([50, 50, 100])
  })

  it('calls it a loop from the fourth worker on that died young, until one lasts', () => {
    const backoff = new RestartBackoff(AFTER_DEATH)
    const loops = Array.from({ length: 5 }, () => {
      backoff.next(100)
      return backoff.isLooping
    })
    expect(loops).toEqual([false, false, false, true, true])
    backoff.lasted()
    expect(backoff.isLooping).toBe(false)
  })
})
