/** Rules of the table of requests. */
import { ID_MAX } from '@shardwire/protocol'
import { FakeClock, withSeed } from '@shardwire/testkit'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { PendingRequests } from '../src/pending-requests.ts'
import { fineWheelOf } from '../src/shared-wheel.ts'
import type { PendingOptions } from '../src/pending-requests.ts'
import { bytesOf, rejectionOf, textOf } from './support.ts'

interface Table {
  readonly pending: PendingRequests
  readonly clock: FakeClock
  readonly cancelled: [number, number][]
  idle: number
}

function createTable(options: Partial<PendingOptions> = {}): Table {
  const clock = new FakeClock()
  const cancelled: [number, number][] = []
  const table = { clock, cancelled, idle: 0 }
  const listener = {
    onCancel: (id: number, route: number | string) => cancelled.push([id, Number(route)]) > 0,
    onIdle: () => table.idle++,
  }
  return Object.assign(table, { pending: new PendingRequests({ clock, maxInFlight: 100, ...options }, listener) })
}

function ask(
  { pending, clock }: Table,
  timeoutMs = 1000,
  signal?: AbortSignal,
): { id: number; answer: Promise<Uint8Array> } {
  const answer = Promise.withResolvers<Uint8Array>()
  return { id: pending.add(5, timeoutMs, signal, answer, clock.nowMs()), answer: answer.promise }
}

function expectEmpty({ pending, clock }: Table): void {
  expect([pending.waiting, pending.cancelled, fineWheelOf(clock).size]).toEqual([0, 0, 0])
  clock.advance(100)
  expect(clock.pendingTimers).toBe(0)
}

describe('ids', () => {
  it('go from 1 up, and from the largest back to 1', () => {
    const table = createTable({ firstId: ID_MAX - 1 })
    expect([1, 2, 3].map(() => ask(table).id)).toEqual([ID_MAX - 1, ID_MAX, 1])
    expect(ask(createTable()).id).toBe(1)
  })

  it('skip those in flight when they wrap, cancelled ones too', async () => {
    const table = createTable({ idMax: 4 })
    const givenUp = ask(table, 20)
    table.clock.advance(60)
    await expect(givenUp.answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' })
    expect([givenUp.id, ask(table).id, ask(table).id, ask(table).id]).toEqual([1, 2, 3, 4])
    table.pending.resolve(3, bytesOf(''))
    expect(ask(table).id).toBe(3)
  })

  it('are never in flight twice, whatever is answered in whatever order', async () => {
    await withSeed('ids in flight', (random) => {
      const table = createTable({ idMax: 40, maxInFlight: 30 })
      const inFlight = new Set<number>()
      for (let step = 0; step < 2000; step++) {
        if (inFlight.size < 30 && random.next() < 0.55) {
          const { id } = ask(table)
          expect(inFlight.has(id)).toBe(false)
          inFlight.add(id)
        } else if (inFlight.size > 0) {
          const id = random.pick([...inFlight])
          expect(table.pending.resolve(id, bytesOf('x'))).toBe(true)
          inFlight.delete(id)
        }
        expect(table.pending.waiting).toBe(inFlight.size)
        expect(fineWheelOf(table.clock).size).toBe(inFlight.size === 0 ? 0 : 1)
      }
    })
  })

  it('are bounded in number, cancelled ones included', async () => {
    const table = createTable({ maxInFlight: 2 })
    const first = ask(table, 20)
    ask(table)
    table.clock.advance(60)
    await expect(first.answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' })
    expect(() => ask(table)).toThrow('2 requests are in flight, 1 of them given up but not answered')
  })
})

describe('an answer', () => {
  it('settles its request, in any order, and says when none is left', async () => {
    const table = createTable()
    const asked = [ask(table), ask(table), ask(table)]
    for (const { id } of asked.toReversed()) {
      expect(table.idle).toBe(0)
      table.pending.resolve(id, bytesOf(String(id)))
    }
    expect(table.idle).toBe(1)
    expect((await Promise.all(asked.map(({ answer }) => answer))).map(textOf)).toEqual(['1', '2', '3'])
    expectEmpty(table)
  })

  it('may be an error', async () => {
    const table = createTable()
    const { id, answer } = ask(table)
    table.pending.reject(id, new Error('no'))
    await expect(answer).rejects.toThrow('no')
    expectEmpty(table)
  })

  it('with an id that is not in flight is counted', () => {
    const table = createTable()
    expect(table.pending.resolve(1, bytesOf(''))).toBe(false)
    expect(table.pending.reject(0, new Error('no'))).toBe(false)
    expect(table.pending.answersUnknown).toBe(2)
  })
})

describe('a deadline', () => {
  it('passes never early and at most two ticks late', async () => {
    const table = createTable()
    const { answer } = ask(table, 1000)
    table.clock.advance(999)
    expect(table.pending.waiting).toBe(1)
    table.clock.advance(41)
    await expect(answer).rejects.toMatchObject({
      code: 'REQUEST_TIMEOUT',
      message: 'no answer to request 1 of route 5 within 1000 ms',
    })
  })

  it('cancels, and the late answer is counted and frees the id', async () => {
    const table = createTable()
    const { id, answer } = ask(table, 20)
    table.clock.advance(60)
    await expect(answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' })
    expect(table.cancelled).toEqual([[id, 5]])
    expect([table.pending.waiting, table.pending.cancelled, table.idle]).toEqual([0, 1, 1])
    expect(table.pending.resolve(id, bytesOf('late'))).toBe(false)
    expect(table.pending.answersLate).toBe(1)
    expect(table.idle).toBe(1)
    expectEmpty(table)
  })

  it('takes one timer for all, which runs only while something waits', async () => {
    const table = createTable()
    expect(table.clock.pendingTimers).toBe(0)
    const asked = Array.from({ length: 50 }, () => ask(table, 5000))
    expect(table.clock.pendingTimers).toBe(1)
    for (const { id } of asked) table.pending.resolve(id, bytesOf(''))
    await Promise.all(asked.map(({ answer }) => answer))
    expectEmpty(table)
    const { answer } = ask(table, 100)
    table.clock.advance(140)
    await expect(answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' })
  })

  it('holds for each of many, whatever the others have', async () => {
    await withSeed('deadlines', (random) => {
      const { pending, clock } = createTable({ maxInFlight: 1000 })
      const waiting = new Map<number, number>()
      const lateMs: number[] = []
      for (let step = 0; step < 1000; step++) {
        const [timeoutMs, beganMs] = [random.integer(1, 400), clock.nowMs()]
        const receiver = {
          resolve: () => waiting.delete(id),
          reject: () => {
            waiting.delete(id)
            lateMs.push(clock.nowMs() - beganMs - timeoutMs)
          },
        }
        const id = pending.add(5, timeoutMs, undefined, receiver, beganMs)
        waiting.set(id, beganMs + timeoutMs)
        if (random.next() < 0.5) pending.resolve(random.pick([...waiting.keys()]), bytesOf(''))
        for (let leftMs = random.integer(0, 20); leftMs > 0; leftMs--) clock.advance(1)
        expect(Math.min(...waiting.values()) + 40).toBeGreaterThanOrEqual(clock.nowMs())
      }
      expect(lateMs.length).toBeGreaterThan(100)
      expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...lateMs)).toBeLessThanOrEqual(40)
    })
  })

  it('longer than a lap of the wheel holds to the millisecond all the same', async () => {
    const table = createTable()
    const { answer } = ask(table, 60_000)
    table.clock.advance(59_999)
    expect(table.pending.waiting).toBe(1)
    table.clock.advance(41)
    expect(await rejectionOf(answer)).toMatchObject({ code: 'REQUEST_TIMEOUT' })
  })
})

describe('a signal', () => {
  it('that has fired takes no id', () => {
    const table = createTable()
    expect(() => ask(table, 1000, AbortSignal.abort('why'))).toThrow(expect.objectContaining({ cause: 'why' }) as Error)
    expect(ask(table).id).toBe(1)
  })

  it('that fires cancels', async () => {
    const table = createTable()
    const controller = new AbortController()
    const { id, answer } = ask(table, 1000, controller.signal)
    controller.abort('changed my mind')
    await expect(answer).rejects.toMatchObject({ code: 'ABORTED', cause: 'changed my mind' })
    expect(table.cancelled).toEqual([[id, 5]])
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('is listened to no longer after an answer, a deadline or the end of the connection', async () => {
    const table = createTable()
    const { signal } = new AbortController()
    const answered = ask(table, 1000, signal)
    const late = ask(table, 20, signal)
    const lost = ask(table, 1000, signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(3)
    table.pending.resolve(answered.id, bytesOf(''))
    table.clock.advance(60)
    table.pending.failAll(new Error('lost'))
    const ends = await Promise.allSettled([answered.answer, late.answer, lost.answer])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expectEmpty(table)
  })
})

it('the end of the connection fails all at once and leaves nothing', async () => {
  const table = createTable()
  const asked = [ask(table), ask(table), ask(table, 20)]
  const ends = Promise.allSettled(asked.map(({ answer }) => answer))
  table.clock.advance(60)
  table.pending.failAll(new Error('lost'))
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expectEmpty(table)
})
