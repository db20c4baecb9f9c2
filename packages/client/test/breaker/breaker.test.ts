/** Rules of the breaker. */
import { FakeClock, Random, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { Breaker, NO_PASS } from '../../src/breaker/breaker.ts'
import type { BreakerChange, BreakerOptions, Outcome } from '../../src/breaker/breaker.ts'

interface Bench {
  readonly clock: FakeClock
  readonly breaker: Breaker
  readonly changes: BreakerChange[]
  /** Lets calls through and settles each at once. */
  readonly calls: (...outcomes: Outcome[]) => void
}

function bench(options: Partial<BreakerOptions> = {}): Bench {
  const clock = new FakeClock({ nowMs: 123_456 })
  const changes: BreakerChange[] = []
  const breaker = new Breaker({
    clock,
    recent: {
      get nowMs() {
        return clock.nowMs()
      },
    },
    failuresInRow: 5,
    failureShare: 0.5,
    callsMin: 20,
    windowMs: 10_000,
    openMs: 5000,
    onChange: (change) => changes.push(change),
    ...options,
  })
  const calls = (...outcomes: Outcome[]): void => {
    for (const outcome of outcomes) {
      const pass = breaker.pass()
      expect(pass).not.toBe(NO_PASS)
      breaker.settle(pass, outcome)
    }
  }
  return { clock, breaker, changes, calls }
}

function times(count: number, ...outcomes: Outcome[]): Outcome[] {
  return Array.from({ length: count }, () => outcomes).flat()
}

describe('closed', () => {
  it('opens after five failures in a row, and says so', () => {
    const { breaker, changes, calls } = bench()
    calls(...times(4, 'failure'), 'success', ...times(4, 'failure'))
    expect(breaker.state).toBe('closed')
    calls('failure')
    expect(breaker.state).toBe('open')
    expect(changes).toEqual([{ state: 'open', before: 'closed', reason: '5 failures in a row' }])
    expect(breaker.pass()).toBe(NO_PASS)
    expect(breaker.retryAfterMs).toBe(5000)
  })

  it('counts a success that is told by a clock that lags behind', () => {
    const recent = { nowMs: 123_456 }
    const { breaker, clock, calls } = bench({ recent, failuresInRow: 0 })
    calls('success', 'success')
    clock.advance(5000)
    calls('failure', 'success', 'success')
    expect(breaker.status).toMatchObject({ calls: 5, failures: 1 })
    clock.advance(5000)
    expect(breaker.status).toMatchObject({ calls: 3, failures: 1 })
    clock.advance(5000)
    expect(breaker.status).toMatchObject({ calls: 0, failures: 0 })
  })

  it('opens when half of at least 20 calls in 10 s failed', () => {
    const { breaker, changes, calls } = bench()
    calls(...times(9, 'failure', 'success'), 'success')
    expect(breaker.state).toBe('closed')
    expect(breaker.status).toMatchObject({ calls: 19, failures: 9 })
    calls('failure')
    expect(changes).toEqual([{ state: 'open', before: 'closed', reason: '10 of 20 calls failed' }])
  })

  it('forgets calls that are older than the window, also after a long silence', () => {
    const { clock, breaker, calls } = bench()
    calls(...times(9, 'failure', 'success'))
    clock.advance(11_000)
    calls('failure', 'success', 'failure')
    expect(breaker.state).toBe('closed')
    expect(breaker.status).toMatchObject({ calls: 3, failures: 2 })
    clock.advance(1_000_000_000)
    expect(breaker.status).toMatchObject({ calls: 0, failures: 0 })
  })

  it('counts refusals for the share, not for the row: a burst beyond a limit is no outage', () => {
    const { breaker, calls } = bench()
    calls(...times(30, 'success'), ...times(20, 'refused'))
    expect(breaker.state).toBe('closed')
    calls(...times(10, 'refused'))
    expect(breaker.state).toBe('open')
  })

  it('does not count what says nothing', () => {
    const { breaker, calls } = bench()
    calls(...times(4, 'failure'), ...times(100, 'void'))
    expect(breaker.status).toMatchObject({ calls: 4, failuresInRow: 4, state: 'closed' })
    calls('failure')
    expect(breaker.state).toBe('open')
  })

  it('never opens where both limits are off', () => {
    const { breaker, calls } = bench({ failuresInRow: 0, callsMin: Infinity })
    calls(...times(1000, 'failure', 'refused'))
    expect(breaker.state).toBe('closed')
  })
})

describe('open', () => {
  it('lets one call through after its time, however many come at once', () => {
    const { clock, breaker, changes, calls } = bench()
    calls(...times(5, 'failure'))
    clock.advance(4999)
    expect(breaker.isProbeDue).toBe(false)
    expect(breaker.retryAfterMs).toBe(1)
    clock.advance(1)
    expect(breaker.isProbeDue).toBe(true)
    const passes = Array.from({ length: 1000 }, () => breaker.pass())
    expect(passes.filter((pass) => pass !== NO_PASS)).toHaveLength(1)
    expect(breaker.state).toBe('half-open')
    expect(changes.at(-1)).toEqual({ state: 'half-open', before: 'open', reason: '' })
  })

  it('is not shortened by a wall clock that is stepped', () => {
    const { clock, breaker, calls } = bench()
    calls(...times(5, 'failure'))
    clock.stepWall(3_600_000)
    expect(breaker.pass()).toBe(NO_PASS)
    clock.stepWall(-7_200_000)
    clock.advance(5000)
    expect(breaker.pass()).not.toBe(NO_PASS)
  })
})

describe('half-open', () => {
  const halfOpen = (): Bench & { readonly probe: number } => {
    const all = bench()
    all.calls(...times(5, 'failure'))
    all.clock.advance(5000)
    return { ...all, probe: all.breaker.pass() }
  }

  it('closes when its call succeeds, and begins to count anew', () => {
    const { breaker, changes, probe, calls } = halfOpen()
    breaker.settle(probe, 'success')
    expect(changes.at(-1)).toEqual({ state: 'closed', before: 'half-open', reason: '' })
    calls(...times(4, 'failure'))
    expect(breaker.state).toBe('closed')
  })

  it('opens for as long again when its call fails or is refused', () => {
    for (const outcome of ['failure', 'refused'] as const) {
      const { clock, breaker, changes, probe } = halfOpen()
      clock.advance(3000)
      breaker.settle(probe, outcome)
      expect(changes.at(-1)).toEqual({ state: 'open', before: 'half-open', reason: 'the trial failed' })
      clock.advance(4999)
      expect(breaker.pass()).toBe(NO_PASS)
      clock.advance(1)
      expect(breaker.pass()).not.toBe(NO_PASS)
    }
  })

  it('leaves it to the next call when its call says nothing', () => {
    const { breaker, probe } = halfOpen()
    breaker.settle(probe, 'void')
    expect(breaker.state).toBe('half-open')
    const next = breaker.pass()
    expect(next).not.toBe(NO_PASS)
    expect(breaker.pass()).toBe(NO_PASS)
    breaker.settle(next, 'success')
    expect(breaker.state).toBe('closed')
  })
})

it('does not let calls of before an outage speak about its end', () => {
  const { clock, breaker, calls } = bench()
  const late = Array.from({ length: 10 }, () => breaker.pass())
  calls(...times(5, 'failure'))
  clock.advance(5000)
  const probe = breaker.pass()
  for (const pass of late.slice(0, 5)) breaker.settle(pass, 'failure')
  expect(breaker.state).toBe('half-open')
  breaker.settle(probe, 'success')
  for (const pass of late.slice(5)) breaker.settle(pass, 'failure')
  expect(breaker.state).toBe('closed')
  expect(breaker.status).toMatchObject({ calls: 0, failures: 0 })
})

/** Keeps every call with its time, and counts anew each time. */
function naiveShare(calls: readonly { readonly atMs: number; readonly isFailure: boolean }[], nowMs: number) {
  const slice = Math.floor(nowMs / 1000)
  const recent = calls.filter(({ atMs }) => Math.floor(atMs / 1000) > slice - 10)
  return { calls: recent.length, failures: recent.filter(({ isFailure }) => isFailure).length }
}

it('counts as a list of all calls would', async () => {
  await withSeed('breaker', (random: Random) => {
    const { clock, breaker } = bench({ failuresInRow: 0, callsMin: Infinity })
    const calls: { atMs: number; isFailure: boolean }[] = []
    for (let step = 0; step < 3000; step++) {
      clock.advance(random.pick([0, 0, 1, 50, 900, 1000, 4000, random.integer(0, 30_000)]))
      const isFailure = random.next() < 0.5
      breaker.settle(breaker.pass(), isFailure ? 'failure' : 'success')
      calls.push({ atMs: clock.nowMs(), isFailure })
      expect(breaker.status).toMatchObject(naiveShare(calls, clock.nowMs()))
    }
  })
})
