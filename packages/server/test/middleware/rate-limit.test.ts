/** Owns the tests of the rate limit's arithmetic; over real sockets it is tested in e2e/middleware.test.ts. */
import { RATE_LIMITED } from '@shardwire/protocol'
import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { rateLimit, type RateLimitOptions } from '../../src/middleware/rate-limit.ts'
import type { Request } from '../../src/service/request.ts'

interface Setup {
  readonly clock: FakeClock
  /** Sends one request. @returns 'through', or how long to wait */
  readonly ask: (connection?: object) => string | number
}

function setUp(options: Omit<RateLimitOptions, 'clock'>): Setup {
  const clock = new FakeClock()
  const limit = rateLimit({ ...options, clock })
  const own = {}
  const ask: Setup['ask'] = (connection = own) => {
    try {
      return String(limit({ connection } as Request, () => 'through'))
    } catch (error) {
      expect(error).toMatchObject({ code: RATE_LIMITED })
      return Number(Reflect.get(error as object, 'retryAfterMs'))
    }
  }
  return { clock, ask }
}

describe('rateLimit', () => {
  it('lets a burst through, then one an interval, and says how long to wait', () => {
    const { clock, ask } = setUp({ perSecond: 10, burst: 3 })
    expect([ask(), ask(), ask(), ask()]).toEqual(['through', 'through', 'through', 100])
    clock.advance(99)
    expect(ask()).toBe(1)
    clock.advance(1)
    expect([ask(), ask()]).toEqual(['through', 100])
    clock.advance(60_000)
    expect([ask(), ask(), ask(), ask()]).toEqual(['through', 'through', 'through', 100])
  })

  it('never lets through more than the rate, whatever the pattern', () => {
    const { clock, ask } = setUp({ perSecond: 7, burst: 2 })
    let through = 0
    for (let step = 0; step < 3000; step++) {
      if (ask() === 'through') through++
      clock.advance((step * 37) % 11)
    }
    expect(through).toBeLessThanOrEqual((clock.nowMs() / 1000) * 7 + 2)
    expect(through).toBeGreaterThan((clock.nowMs() / 1000) * 7 * 0.9)
  })

  it('counts each connection for itself, or by what it is told', () => {
    const byConnection = setUp({ perSecond: 1 })
    expect([byConnection.ask({}), byConnection.ask({})]).toEqual(['through', 'through'])
    const byOne = setUp({ perSecond: 1, by: () => 'everybody' })
    expect([byOne.ask({}), byOne.ask({})]).toEqual(['through', 1000])
    const byNone = setUp({ perSecond: 1, by: () => undefined })
    expect([byNone.ask(), byNone.ask()]).toEqual(['through', 'through'])
  })

  it('keeps no more keys than it may, and forgets those first that are within their rate', () => {
    let key = 0
    const { clock, ask } = setUp({ perSecond: 1, by: () => `key ${key}` })
    for (; key < 65_536; key++) expect(ask()).toBe('through')
    clock.advance(2000)
    key = 65_535
    expect([ask(), ask()]).toEqual(['through', 1000])
    key = 100_000
    expect(ask()).toBe('through')
    key = 65_535
    expect(ask()).toBe(1000)
  })

  it.each([{ perSecond: 0 }, { perSecond: Number.NaN }, { perSecond: 1, burst: 0 }])('refuses %o', (options) => {
    expect(() => rateLimit(options)).toThrow(RangeError)
  })
})
