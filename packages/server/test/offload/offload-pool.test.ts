import { CANCELLED, OVERLOADED, ShardwireError } from '@shardwire/protocol'
import { FakeClock, nextTurn, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { Assignment, Outcome } from '../../src/offload/messages.ts'
import { GRACE_MS, OffloadPool, type PoolThreads, type ThreadEvents } from '../../src/offload/offload-pool.ts'

const DONE: Outcome = { type: 'value', value: 'done' }

interface FakeRun {
  readonly assignment: Assignment
  readonly promise: PromiseWithResolvers<Outcome>
  isKilled: boolean
  isOver: boolean
}

/** Threads that start, end and die when the test says so. */
class FakeThreads implements PoolThreads {
  starting = 0
  idle = 0
  closed = false
  readonly runs: FakeRun[] = []
  mostAlive = 0
  #busy = 0
  readonly #events: ThreadEvents

  constructor(events: ThreadEvents) {
    this.#events = events
  }

  get alive(): number {
    return this.starting + this.idle + this.#busy
  }
  start(): void {
    this.starting++
    this.mostAlive = Math.max(this.mostAlive, this.alive)
  }
  ready(): void {
    this.starting--
    this.idle++
    this.#events.onChange()
  }
  failStart(): void {
    this.starting--
    this.#events.onStartFailed(new Error('no memory'))
    this.#events.onChange()
  }
  run(assignment: Assignment): ReturnType<PoolThreads['run']> {
    if (this.idle === 0) throw new Error('no thread is idle')
    this.idle--
    this.#busy++
    const run: FakeRun = { assignment, promise: Promise.withResolvers<Outcome>(), isKilled: false, isOver: false }
    this.runs.push(run)
    return { outcome: run.promise.promise, kill: () => (run.isKilled = true) }
  }
  /** The thread is done with a run, and idle. */
  async end(index: number, outcome = DONE): Promise<void> {
    this.#busy--
    this.idle++
    const run = this.runs[index]
    if (run !== undefined) run.isOver = true
    run?.promise.resolve(outcome)
    await nextTurn()
    this.#events.onChange()
  }
  /** The thread of a run is gone. */
  async die(index: number, error = new Error('the thread died')): Promise<void> {
    this.#busy--
    const run = this.runs[index]
    if (run !== undefined) run.isOver = true
    run?.promise.reject(error)
    await nextTurn()
    this.#events.onChange()
  }
  async close(): Promise<void> {
    this.closed = true
    await Promise.resolve()
  }
}

interface Setup {
  readonly pool: OffloadPool
  readonly clock: FakeClock
  /** Made when the first job comes. */
  readonly threads: () => FakeThreads
  /** Offers a job; what becomes of it is in `ends` under its number. */
  readonly offer: (name: string, bytes?: number) => AbortController
  readonly ends: Record<string, string>
  readonly opened: () => number
}

function setUp(threadsMax = 1, queueMax = 2, queueBytesMax = 1000): Setup {
  const clock = new FakeClock()
  let made: FakeThreads | undefined
  let opened = 0
  const open = async (events: ThreadEvents): Promise<PoolThreads> => {
    opened++
    await Promise.resolve()
    return (made = new FakeThreads(events))
  }
  const pool = new OffloadPool({ clock, random: () => 0.5, threadsMax, queueMax, queueBytesMax, open })
  const ends: Record<string, string> = {}
  const offer = (name: string, bytes = 1): AbortController => {
    const abort = new AbortController()
    const place = { module: 'file:///m.js', name, route: name, metadata: undefined }
    const assignment = { ...place, body: name, answer: 'msgpack', deadlineAtMs: 0 } as const
    pool.run({ order: () => ({ assignment, transfer: [] }), bytes, signal: abort.signal }).then(
      (outcome) => (ends[name] = outcome.type),
      (error: unknown) => (ends[name] = String(error)),
    )
    return abort
  }
  const threads = (): FakeThreads => {
    if (made === undefined) throw new Error('no threads were made')
    return made
  }
  return { pool, clock, threads, offer, ends, opened: () => opened }
}

const cancelled = (): ShardwireError => new ShardwireError(CANCELLED, 'cancelled by the caller')

describe('threads', () => {
  it('are made when the first job comes, and started one for each that waits, up to the limit', async () => {
    const { threads, offer, opened, pool } = setUp(2, 5)
    await nextTurn()
    expect(opened()).toBe(0)
    offer('a')
    await nextTurn()
    expect([opened(), threads().starting]).toEqual([1, 1])
    for (const name of ['b', 'c', 'd']) offer(name)
    await nextTurn()
    expect([opened(), threads().starting]).toEqual([1, 2])
    threads().ready()
    threads().ready()
    expect(threads().runs.map(({ assignment }) => assignment.name)).toEqual(['a', 'b'])
    expect(pool.counters).toMatchObject({ offered: 4, running: 2, waiting: 2, threads: 2 })
  })

  it('that are idle are used before any is started', async () => {
    const { threads, offer } = setUp(2)
    offer('a')
    await nextTurn()
    threads().ready()
    await threads().end(0)
    offer('b')
    await nextTurn()
    expect(threads().runs.map(({ assignment }) => assignment.name)).toEqual(['a', 'b'])
    expect(threads().starting).toBe(0)
  })

  it('that cannot be started cost the one who waited longest, and the next is tried', async () => {
    const { threads, offer, ends } = setUp(1)
    offer('a')
    offer('b')
    await nextTurn()
    threads().failStart()
    await nextTurn()
    expect(ends).toEqual({ a: 'Error: its thread could not be started' })
    expect(threads().starting).toBe(1)
    threads().ready()
    await threads().end(0)
    expect(ends).toEqual({ a: 'Error: its thread could not be started', b: 'value' })
  })

  it('one that dies costs its job, and nobody else', async () => {
    const { threads, offer, ends } = setUp(1)
    offer('a')
    offer('b')
    await nextTurn()
    threads().ready()
    await threads().die(0)
    expect(ends).toEqual({ a: 'Error: the thread died' })
    expect(threads().starting).toBe(1)
    threads().ready()
    await threads().end(1)
    expect(ends['b']).toBe('value')
  })
})

describe('the queue', () => {
  it('is bounded: one more is OVERLOADED at once, with a time to come back', async () => {
    const { threads, offer, pool } = setUp(1, 2)
    for (const name of ['runs', 'waits', 'waits too']) offer(name)
    await nextTurn()
    threads().ready()
    expect(() => offer('too many')).toThrow(ShardwireError)
    try {
      offer('too many')
    } catch (error) {
      expect(error).toMatchObject({ code: OVERLOADED, retryAfterMs: 100, retryable: true })
    }
    expect(pool.counters.refused).toBe(2)
    await threads().end(0)
    expect(() => offer('there is room again')).not.toThrow()
  })

  it('of 0 takes as many as there are threads, also before they have started', async () => {
    const { threads, offer } = setUp(2, 0)
    offer('a')
    offer('b')
    expect(() => offer('c')).toThrow('wait for a thread')
    await nextTurn()
    threads().ready()
    expect(() => offer('c')).toThrow(ShardwireError)
    threads().ready()
    await threads().end(0)
    expect(() => offer('c')).not.toThrow()
  })

  it('is bounded by the bytes that wait, too; one alone may have any size', async () => {
    const { offer } = setUp(1, 10, 1000)
    offer('large', 5000)
    await nextTurn()
    expect(() => offer('one more', 1)).toThrow('hold 5000 bytes')
  })

  it('says a time that follows from how long jobs take', async () => {
    const { threads, offer, clock } = setUp(1, 2)
    offer('a')
    await nextTurn()
    threads().ready()
    clock.advance(800)
    await threads().end(0)
    for (const name of ['runs', 'waits', 'waits too']) offer(name)
    await nextTurn()
    const error: unknown = ((): unknown => {
      try {
        return offer('too many')
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toMatchObject({ retryAfterMs: 1600 })
  })
})

describe('an abort', () => {
  it('of a job that waits takes it out at once, with the reason, and no thread ever sees it', async () => {
    const { threads, offer, ends } = setUp(1)
    offer('a')
    const abort = offer('b')
    await nextTurn()
    abort.abort(cancelled())
    await nextTurn()
    expect(ends).toEqual({ b: 'CANCELLED: cancelled by the caller' })
    threads().ready()
    await threads().end(0)
    expect(threads().runs).toHaveLength(1)
  })

  it('of a job that runs is told to it, and ends its thread only when it has not ended by itself', async () => {
    const { threads, offer, clock, pool } = setUp(2)
    const [first, second] = [offer('ends'), offer('does not end')]
    await nextTurn()
    threads().ready()
    threads().ready()
    first.abort(cancelled())
    second.abort(cancelled())
    const { runs } = threads()
    expect(runs.map(({ assignment }) => assignment.flag[0])).toEqual([CANCELLED, CANCELLED])
    clock.advance(GRACE_MS - 1)
    await threads().end(0)
    clock.advance(1)
    expect(runs.map(({ isKilled }) => isKilled)).toEqual([false, true])
    expect(pool.counters.killed).toBe(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('whose thread has not exited keeps its place: nobody else is run in it', async () => {
    const { threads, offer, clock, ends } = setUp(1)
    const abort = offer('stuck')
    offer('next')
    await nextTurn()
    threads().ready()
    abort.abort(cancelled())
    clock.advance(GRACE_MS)
    expect([threads().starting, threads().runs.length]).toEqual([0, 1])
    await threads().die(0)
    expect(threads().starting).toBe(1)
    threads().ready()
    await threads().end(1)
    expect(ends['next']).toBe('value')
  })

  it('from before it was offered rejects it without a thread', async () => {
    const { pool, opened } = setUp()
    const order = (): never => {
      throw new Error('asked for')
    }
    const signal = AbortSignal.abort(cancelled())
    await expect(pool.run({ order, bytes: 1, signal })).rejects.toThrow('by the')
    await nextTurn()
    expect([opened(), pool.counters.waiting]).toEqual([0, 0])
  })

  it('1000 of them never have more threads alive than may be, and settle everybody', async () => {
    await withSeed('1000 aborts', async (random) => {
      const { threads, offer, clock, ends, pool } = setUp(3, 2000)
      const aborts = Array.from({ length: 1000 }, (_, index) => offer(String(index)))
      await nextTurn()
      const goOn = async (chance: number): Promise<void> => {
        for (const [index, run] of threads().runs.entries()) {
          if (run.isKilled && !run.isOver && random.next() < chance) await threads().die(index)
        }
        while (threads().starting > 0) threads().ready()
      }
      for (const [index, abort] of random.shuffle(aborts).entries()) {
        abort.abort(cancelled())
        if (index % 3 === 0) clock.advance(random.integer(0, GRACE_MS))
        await goOn(0.3)
      }
      clock.advance(GRACE_MS)
      await goOn(1)
      expect(Object.keys(ends)).toHaveLength(1000)
      expect(threads().mostAlive).toBeLessThanOrEqual(3)
      expect(pool.counters).toMatchObject({ running: 0, waiting: 0, completed: 0 })
      expect(clock.pendingTimers).toBe(0)
    })
  })
})

it('closing rejects what waits and ends the threads', async () => {
  const { threads, offer, pool, ends } = setUp()
  offer('a')
  await nextTurn()
  await pool.close()
  expect(threads().closed).toBe(true)
  expect(ends).toEqual({ a: 'Error: the pool is closed' })
})
