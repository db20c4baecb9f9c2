/** Rules of when an address is dialled. */
import { getEventListeners } from 'node:events'
import { BAD_CRC, NOT_IMPLEMENTED, OVERLOADED, ShardwireError, UNAUTHENTICATED } from '@shardwire/protocol'
import type { Goaway } from '@shardwire/protocol'
import { FakeClock, nextTurn, Random, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { ClientError } from '../../src/index.ts'
import { backoffMs } from '../../src/reconnect/backoff.ts'
import { Reconnector } from '../../src/reconnect/reconnector.ts'
import type { ReconnectorOptions } from '../../src/reconnect/reconnector.ts'
import { rejectionOf } from '../support.ts'

const refused = new ClientError('CONNECT_FAILED', 'connect failed (ECONNREFUSED)')

interface Bench {
  readonly clock: FakeClock
  readonly reconnector: Reconnector<string>
  /** When attempts began, from the beginning of the test. */
  readonly attempts: number[]
  readonly events: string[]
  /** What the next attempts come to; success when it is empty. */
  readonly fates: unknown[]
  readonly signal: AbortSignal
  readonly controller: AbortController
}

function bench(options: Partial<ReconnectorOptions<string>> = {}): Bench {
  const clock = new FakeClock()
  const beganMs = clock.nowMs()
  const [attempts, events, fates]: [number[], string[], unknown[]] = [[], [], []]
  const reconnector = new Reconnector<string>({
    target: 'a:1',
    minMs: 100,
    maxMs: 5000,
    giveUpAfterMs: 30_000,
    clock,
    random: () => 0.999_999,
    dial: async () => {
      attempts.push(Math.round(clock.nowMs() - beganMs))
      const fate = fates.shift()
      if (fate !== undefined) throw fate
      return 'connection'
    },
    listener: {
      onWaiting: (attempt, delayMs, reason) => events.push(`waiting ${attempt} ${Math.round(delayMs)} ${reason}`),
      onConnecting: (attempt) => events.push(`connecting ${attempt}`),
      onAttemptFailed: (attempt) => events.push(`failed ${attempt}`),
      onGaveUp: (count, afterMs) => events.push(`gave up ${count} ${Math.round(afterMs)}`),
    },
    ...options,
  })
  const controller = new AbortController()
  return { clock, reconnector, attempts, events, fates, controller, signal: controller.signal }
}

/** Lets time pass in small steps, so that what follows from a timer happens before the next. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  await nextTurn()
  for (let left = ms; left > 0; left -= 50) {
    clock.advance(Math.min(50, left))
    await nextTurn()
  }
}

function goaway(values: Partial<Goaway>): Goaway {
  return { reason: 'test', retry: 'later', retryAfterMs: 500, jitterMs: 2000, deadlineMs: 9000, ...values }
}

describe('the backoff', () => {
  it('is evenly spread between nothing and a limit that doubles from 100 ms to 5 s', async () => {
    await withSeed('backoff', (random: Random) => {
      for (const [doublings, longestMs] of [0, 1, 2, 3, 4, 5, 6, 7, 100, 5000].map(
        (count) => [count, Math.min(5000, 100 * 2 ** count)] as const,
      )) {
        const waits = Array.from({ length: 4000 }, () => {
          return backoffMs(doublings, { minMs: 100, maxMs: 5000 }, () => random.next())
        })
        expect(Math.max(...waits)).toBeLessThan(longestMs)
        for (let tenth = 0; tenth < 10; tenth++) {
          const within = waits.filter((ms) => Math.floor((ms / longestMs) * 10) === tenth).length
          // 400 expected; 19 is the standard deviation.
          expect(Math.abs(within - 400)).toBeLessThan(120)
        }
      }
    })
  })
})

describe('connect', () => {
  it('dials at once the first time', async () => {
    const { reconnector, attempts, events, signal, clock } = bench()
    expect(await reconnector.connect(signal)).toBe('connection')
    expect(attempts).toEqual([0])
    expect(events).toEqual(['connecting 1'])
    expect(reconnector.phase).toBe('resting')
    expect(clock.pendingTimers).toBe(0)
  })

  it('goes on with waits that double, each told, until it succeeds', async () => {
    const { clock, reconnector, attempts, events, fates, signal } = bench()
    fates.push(refused, refused, refused)
    const connecting = reconnector.connect(signal)
    await pass(clock, 1000)
    await connecting
    expect(attempts).toEqual([0, 100, 300, 700])
    expect(events.slice(0, 4)).toEqual(['connecting 1', 'failed 1', 'waiting 2 100 backoff', 'connecting 2'])
    expect(clock.pendingTimers).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('gives up when an attempt would begin later than 30 s after the first, and says why', async () => {
    const { clock, reconnector, attempts, events, fates, signal } = bench()
    fates.push(...Array.from({ length: 100 }, () => refused))
    const connecting = rejectionOf(reconnector.connect(signal))
    await pass(clock, 30_000)
    expect(await connecting).toMatchObject({
      code: 'NO_CONNECTION',
      target: 'a:1',
      cause: refused,
      message: expect.stringMatching(/^connection to a:1: gave up after 11 attempts in 26\d{3} ms: /),
    })
    expect(attempts.at(-1)).toBeLessThanOrEqual(30_000)
    expect(events.at(-1)).toMatch(/^gave up 11 26\d{3}$/)
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not give up where it is told not to', async () => {
    const { clock, reconnector, attempts, fates, signal } = bench({ giveUpAfterMs: Infinity })
    fates.push(...Array.from({ length: 40 }, () => refused))
    const connecting = reconnector.connect(signal)
    await pass(clock, 200_000)
    await connecting
    expect(attempts).toHaveLength(41)
  })

  it('leaves the last attempt only what time is left', async () => {
    const limits: number[] = []
    const { clock, reconnector, signal } = bench({
      giveUpAfterMs: 1000,
      dial: async (_signal, timeoutMs) => {
        limits.push(Math.round(timeoutMs))
        throw refused
      },
    })
    const connecting = rejectionOf(reconnector.connect(signal))
    await pass(clock, 1000)
    await connecting
    expect(limits).toEqual([1000, 900, 700, 300])
  })

  it('waits before a new round as it would have waited in the old one', async () => {
    const { clock, reconnector, attempts, fates, signal } = bench({ giveUpAfterMs: 500 })
    fates.push(refused, refused, refused)
    const first = rejectionOf(reconnector.connect(signal))
    await pass(clock, 300)
    await first
    await nextTurn()
    const second = reconnector.connect(signal)
    await pass(clock, 1000)
    await second
    expect(attempts).toEqual([0, 100, 300, 700])
  })

  it.each([
    ['who we are', new ShardwireError(UNAUTHENTICATED, 'no')],
    ['our protocol', new ShardwireError(NOT_IMPLEMENTED, 'no')],
  ])('gives up at once where the server refuses %s', async (_what, error) => {
    const { reconnector, attempts, fates, signal } = bench()
    fates.push(error)
    expect(await rejectionOf(reconnector.connect(signal))).toMatchObject({ code: 'NO_CONNECTION', cause: error })
    expect(attempts).toEqual([0])
  })

  it('goes on after bytes that were damaged on their way', async () => {
    const { clock, reconnector, attempts, fates, signal } = bench()
    fates.push(new ClientError('PROTOCOL_VIOLATION', 'x'), new ShardwireError(BAD_CRC, 'x'))
    const connecting = reconnector.connect(signal)
    await pass(clock, 1000)
    await connecting
    expect(attempts).toHaveLength(3)
  })

  it('comes back no sooner than a refusal says, which is no reason to give up', async () => {
    const { clock, reconnector, attempts, events, fates, signal } = bench()
    fates.push(new ShardwireError(OVERLOADED, 'full', { retryAfterMs: 60_000 }))
    const connecting = reconnector.connect(signal)
    await pass(clock, 61_000)
    await connecting
    expect(attempts).toEqual([0, 60_000])
    expect(events).toContain('waiting 2 60000 refused')
  })

  it('is not undone by a wait that is longer than timers go', async () => {
    const { clock, reconnector, attempts, fates, signal } = bench()
    const monthMs = 30 * 86_400_000
    fates.push(new ShardwireError(OVERLOADED, 'full', { retryAfterMs: monthMs }))
    const connecting = reconnector.connect(signal)
    await nextTurn()
    clock.advance(0x7fff_ffff)
    await nextTurn()
    expect(attempts).toHaveLength(1)
    clock.advance(monthMs)
    await nextTurn()
    await connecting
    expect(attempts).toHaveLength(2)
  })

  it('ends with its signal, while it waits and while it dials', async () => {
    const waiting = bench()
    waiting.fates.push(refused)
    const first = rejectionOf(waiting.reconnector.connect(waiting.signal))
    await nextTurn()
    waiting.controller.abort()
    expect(await first).toMatchObject({ code: 'ABORTED' })
    expect(waiting.clock.pendingTimers).toBe(0)
    const aborted = new ClientError('ABORTED', 'x')
    const dialling = bench({
      dial: (signal) => {
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(aborted))
        })
      },
    })
    const second = rejectionOf(dialling.reconnector.connect(dialling.signal))
    await nextTurn()
    dialling.controller.abort()
    expect(await second).toBe(aborted)
    expect(dialling.events).toEqual(['connecting 1'])
  })
})

describe('a lost connection', () => {
  it('that had lasted is followed by an attempt within 100 ms, others by longer and longer waits', async () => {
    const { clock, reconnector, attempts, signal } = bench()
    const livesMs = [10_000, 0, 0, 0, 10_000]
    await reconnector.connect(signal)
    for (const livedMs of livesMs) {
      clock.advance(livedMs)
      reconnector.onLost(livedMs)
      const connecting = reconnector.connect(signal)
      await pass(clock, 5000)
      await connecting
    }
    const gaps = attempts.map((ms, index) => ms - (attempts[index - 1] ?? 0))
    // Each round lasts 5 s here, after whatever the connection lived.
    expect(gaps.slice(1).map((gap, index) => gap - (livesMs[index] ?? 0) - (index === 0 ? 0 : 5000))).toEqual([
      100,
      200 - 100,
      400 - 200,
      800 - 400,
      100 - 800,
    ])
  })
})

describe('a GOAWAY', () => {
  it('sets the moment of the first attempt: after retryAfterMs, plus a random part of jitterMs', async () => {
    const { clock, reconnector, attempts, events, signal } = bench({ random: () => 0.25 })
    reconnector.onGoaway(goaway({ retry: 'later' }))
    const connecting = reconnector.connect(signal)
    await pass(clock, 1100)
    await connecting
    expect(attempts).toEqual([1000])
    expect(events[0]).toBe('waiting 1 1000 goaway')
  })

  it('with now takes only its jitter, and the way back is evenly spread over it', async () => {
    await withSeed('jitter', async (random: Random) => {
      const came: number[] = []
      for (let client = 0; client < 2000; client++) {
        const { reconnector } = bench({ random: () => random.next() })
        reconnector.onGoaway(goaway({ retry: 'now', retryAfterMs: 77, jitterMs: 500 }))
        came.push(reconnector.waitMs)
      }
      expect(Math.max(...came)).toBeLessThan(500)
      for (let tenth = 0; tenth < 10; tenth++) {
        const within = came.filter((ms) => Math.floor(ms / 50) === tenth).length
        // 200 expected; 13 is the standard deviation.
        expect(Math.abs(within - 200)).toBeLessThan(90)
      }
    })
  })

  it('of several connections in one drain draws once: else the last of their draws would count', async () => {
    const draws = [0.1, 0.9, 0.9]
    const { reconnector } = bench({ random: () => draws.shift() ?? 0.9 })
    for (let connection = 0; connection < 3; connection++) reconnector.onGoaway(goaway({ retryAfterMs: 500 }))
    expect(reconnector.waitMs).toBe(500 + 200)
  })

  it('that comes while an attempt waits prolongs the wait, which is told', async () => {
    const { clock, reconnector, attempts, events, fates, signal } = bench({ random: () => 0.5 })
    fates.push(refused)
    const connecting = reconnector.connect(signal)
    await nextTurn()
    reconnector.onGoaway(goaway({ retryAfterMs: 1000, jitterMs: 0 }))
    await pass(clock, 1100)
    await connecting
    expect(attempts).toEqual([0, 1000])
    expect(events.filter((event) => event.startsWith('waiting'))).toEqual([
      'waiting 2 50 backoff',
      'waiting 2 950 goaway',
    ])
  })

  it('with never ends the wait under way, and nothing is dialled until the application says so', async () => {
    const { clock, reconnector, attempts, fates, signal } = bench()
    fates.push(refused)
    const waiting = rejectionOf(reconnector.connect(signal))
    await nextTurn()
    reconnector.onGoaway(goaway({ retry: 'never' }))
    expect(await waiting).toMatchObject({ code: 'NO_CONNECTION', message: expect.stringContaining('never') })
    expect(await rejectionOf(reconnector.connect(signal))).toMatchObject({ code: 'NO_CONNECTION' })
    expect(attempts).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
    reconnector.restart()
    const connecting = reconnector.connect(signal)
    await pass(clock, 200)
    await connecting
    expect(attempts).toHaveLength(2)
  })

  it('that asks for an absurd wait is obeyed, not overflown', async () => {
    const { clock, reconnector, attempts, signal, controller } = bench()
    reconnector.onGoaway(goaway({ retryAfterMs: Number.MAX_SAFE_INTEGER, jitterMs: 0 }))
    const connecting = rejectionOf(reconnector.connect(signal))
    clock.advance(0x7fff_ffff)
    await nextTurn()
    expect(attempts).toEqual([])
    controller.abort()
    await connecting
  })
})
