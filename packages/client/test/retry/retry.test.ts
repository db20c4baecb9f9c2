/** Rules of sending again: what may be, when, and how often at most. */
import { getEventListeners } from 'node:events'
import { DRAINING, ERROR_TABLE, OVERLOADED, RATE_LIMITED, ShardwireError } from '@shardwire/protocol'
import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { CLIENT_ERROR_TABLE, ClientError } from '../../src/index.ts'
import type { ClientErrorCode } from '../../src/index.ts'
import { Retries } from '../../src/retry/retries.ts'
import type { FailedAttempt, RetriesOptions } from '../../src/retry/retries.ts'
import { RetryBudget } from '../../src/retry/retry-budget.ts'
import { mayRepeat } from '../../src/retry/retry-rules.ts'
import { rejectionOf } from '../support.ts'

describe('what may be sent again', () => {
  it.each(ERROR_TABLE.map((row) => [row.name, row] as const))('of the server: %s', (_name, row) => {
    const error = new ShardwireError(row.code, 'x')
    expect(mayRepeat(error, false)).toBe(row.retryable && row.handler === 'did not run')
    expect(mayRepeat(error, true)).toBe(row.retryable)
  })

  it.each(Object.entries(CLIENT_ERROR_TABLE))('of the client: %s', (code, row) => {
    const error = new ClientError(code as ClientErrorCode, 'x')
    expect(mayRepeat(error, false)).toBe(row.retryable && row.handler === 'did not run')
    expect(mayRepeat(error, true)).toBe(row.retryable)
  })

  it('goes by the word of the server for a code of a later version, and only what does no harm twice', () => {
    const later = new ShardwireError(900, 'x', { retryable: true })
    expect(mayRepeat(later, false)).toBe(false)
    expect(mayRepeat(later, true)).toBe(true)
    expect(mayRepeat(new ShardwireError(901, 'x', { retryable: false }), true)).toBe(false)
  })

  it('includes, where it does no harm twice, an answer that was damaged on its way', () => {
    const cause = new ShardwireError(2, 'crc')
    expect(mayRepeat(new ClientError('PROTOCOL_VIOLATION', 'x', { cause }), true)).toBe(true)
    expect(mayRepeat(new ClientError('PROTOCOL_VIOLATION', 'x', { cause }), false)).toBe(false)
  })

  it('is nothing that is not an error of ours', () => {
    expect(mayRepeat(new TypeError('x'), true)).toBe(false)
  })
})

describe('the budget', () => {
  const takeAll = (budget: RetryBudget): number => {
    let count = 0
    while (budget.take()) count++
    return count
  }
  const ask = (budget: RetryBudget, clock: FakeClock, requests: number): void => {
    for (let request = 0; request < requests; request++) budget.onRequest(clock.nowMs())
  }

  it('is a tenth of the requests and one a second, of which ten are saved up', () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ clock, share: 0.1, floorPerSecond: 1 })
    expect(budget.tokens).toBe(10)
    expect(takeAll(budget)).toBe(10)
    clock.advance(3000)
    ask(budget, clock, 205)
    expect(takeAll(budget)).toBe(23)
    clock.advance(1_000_000)
    expect(takeAll(budget)).toBe(10)
  })

  it('has saved up of ten to twenty seconds, whatever came before', () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ clock, share: 0.1, floorPerSecond: 0 })
    for (let second = 0; second < 3605; second++) {
      ask(budget, clock, 1000)
      clock.advance(1000)
    }
    const saved = takeAll(budget)
    expect(saved).toBeGreaterThanOrEqual(1000)
    expect(saved).toBeLessThanOrEqual(2000)
    ask(budget, clock, 1000)
    clock.advance(20_000)
    expect(takeAll(budget)).toBe(0)
  })

  it('bounds the retries of an outage: a client that fails all day sends a tenth more', () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ clock, share: 0.1, floorPerSecond: 1 })
    let retries = 0
    for (let request = 0; request < 100_000; request++) {
      budget.onRequest(clock.nowMs())
      clock.advance(1)
      if (budget.take()) retries++
    }
    expect(retries).toBeGreaterThanOrEqual(10_000)
    expect(retries).toBeLessThanOrEqual(10_000 + 100 + 10 + 1)
  })

  it('of nothing allows nothing', () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ clock, share: 0, floorPerSecond: 0 })
    clock.advance(1_000_000)
    budget.onRequest(clock.nowMs())
    expect(budget.take()).toBe(false)
  })
})

describe('a retry', () => {
  const lost = new ClientError('CONNECTION_LOST', 'lost')
  const draining = new ShardwireError(DRAINING, 'goaway')
  const full = new ClientError('TOO_MANY_IN_FLIGHT', 'full')
  const bench = (options: Partial<RetriesOptions> = {}) => {
    const clock = new FakeClock()
    const retries = new Retries({
      ...{ attemptsMax: 3, budgetShare: 0.1, floorPerSecond: 1, clock, random: () => 0.5 },
      ...options,
    })
    const next = (failed: Partial<FailedAttempt>): Promise<void> => {
      const deadlineMs = clock.nowMs() + 3000
      return retries.next({ error: full, attempt: 1, isIdempotent: false, deadlineMs, signal: undefined, ...failed })
    }
    return { clock, retries, next }
  }

  it('comes at once where another connection can take it', async () => {
    const { clock, next, retries } = bench()
    await next({ error: new ClientError('CONNECTION_CLOSED', 'closed') })
    await next({ error: lost, isIdempotent: true })
    await next({ error: new ShardwireError(DRAINING, 'goaway') })
    expect(clock.pendingTimers).toBe(0)
    expect(retries.retried).toBe(3)
  })

  it('waits as long as the server says, even the first', async () => {
    for (const code of [OVERLOADED, RATE_LIMITED]) {
      const { clock, next } = bench()
      let isOver = false
      const retry = next({ error: new ShardwireError(code, 'busy', { retryAfterMs: 1500 }) }).then(
        () => (isOver = true),
      )
      clock.advance(1499)
      await Promise.resolve()
      expect(isOver).toBe(false)
      clock.advance(1)
      await retry
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('of what is too much for a connection waits a moment, and costs nothing: it has reached nobody', async () => {
    const { clock, next, retries } = bench({ budgetShare: 0, floorPerSecond: 0 })
    for (const code of ['BACKLOG_FULL', 'TOO_MANY_IN_FLIGHT'] as const) {
      const retry = next({ error: new ClientError(code, 'x') })
      expect(clock.pendingTimers).toBe(1)
      clock.advance(50)
      await retry
    }
    expect(retries.retried).toBe(2)
  })

  it('waits a random while where a server that is busy names none, and at every later attempt', async () => {
    const { clock, next } = bench()
    const first = next({ error: new ShardwireError(OVERLOADED, 'busy') })
    clock.advance(50)
    await first
    const second = next({ error: full, attempt: 2 })
    clock.advance(100)
    await second
  })

  it('is none where its wait would outlast the deadline, where it may harm, or after the last attempt', async () => {
    const { clock, next, retries } = bench()
    const busy = new ShardwireError(OVERLOADED, 'busy', { retryAfterMs: 3000 })
    expect(await rejectionOf(next({ error: busy }))).toBe(busy)
    expect(await rejectionOf(next({ error: lost }))).toBe(lost)
    expect(await rejectionOf(next({ attempt: 3 }))).toBe(full)
    expect(retries.retried).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('is none where the budget is used up, which is counted', async () => {
    const { next, retries } = bench()
    for (let retry = 0; retry < 10; retry++) await next({ error: lost, isIdempotent: true })
    expect(await rejectionOf(next({ error: lost, isIdempotent: true }))).toBe(lost)
    expect(retries.refused).toBe(1)
  })

  it('of what a drain hands back costs nothing: all that was on its way is sent elsewhere', async () => {
    const { next, retries } = bench({ budgetShare: 0, floorPerSecond: 0 })
    for (let retry = 0; retry < 1000; retry++) await next({ error: draining })
    expect(retries.retried).toBe(1000)
    expect(await rejectionOf(next({ error: draining, attempt: 3 }))).toBe(draining)
  })

  it('ends with its signal, and leaves no listener', async () => {
    const { clock, next } = bench()
    const controller = new AbortController()
    const retry = rejectionOf(next({ attempt: 2, signal: controller.signal }))
    controller.abort('why')
    expect(await retry).toMatchObject({ code: 'ABORTED', cause: 'why' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })

  it('that waits is cancelled with the error of its request', async () => {
    const { clock, next, retries } = bench()
    const retry = rejectionOf(next({ attempt: 2 }))
    retries.cancelAll()
    expect(await retry).toBe(full)
    expect(clock.pendingTimers).toBe(0)
  })
})
