import { CANCELLED, ShardwireError } from '@shardwire/protocol'
import { eventually, FakeClock, nextTurn } from '@shardwire/testkit'
import { Piscina } from 'piscina'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { threadModule } from '../../src/offload/create-pool.ts'
import type { Outcome } from '../../src/offload/messages.ts'
import { GRACE_MS, OffloadPool } from '../../src/offload/offload-pool.ts'
import { locate, type Task } from '../../src/offload/task.ts'
import { Threads } from '../../src/offload/threads.ts'
import { act, bytes, hiddenTask, look, type Order } from '../fixtures/tasks.ts'

const THREADS_MAX = 2
/** More than the time that starting a thread takes of what a test does. */
const IDLE_MS = 3000
const HEAP_MB = 24

let pool: OffloadPool
let threads: Threads | undefined
let clock: FakeClock
let faults: Error[]

beforeEach(() => {
  clock = new FakeClock()
  faults = []
  threads = undefined
  pool = new OffloadPool({
    clock,
    random: () => 0.5,
    threadsMax: THREADS_MAX,
    queueMax: 2000,
    queueBytesMax: 1000,
    open: async (events) => {
      const onFault = (error: Error): void => void faults.push(error)
      const parts = { piscina: Piscina, threadModule: threadModule(), max: THREADS_MAX, idleMs: IDLE_MS }
      threads = new Threads({ ...parts, heapMb: HEAP_MB, onFault, ...events })
      return await Promise.resolve(threads)
    },
  })
})
afterEach(async () => {
  await pool.close()
  expect(threads?.alive ?? 0).toBe(0)
})

/** Threads of this process that Node started as workers, as the system sees them. */
function workerThreads(): number {
  return readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim() === 'WorkerThread'
    } catch {
      // It has just ended.
      return false
    }
  }).length
}

interface Options {
  readonly answer?: 'bytes' | 'msgpack'
  readonly signal?: AbortSignal
  readonly deadlineAtMs?: number
}

/** Runs a task as the handler of an offloaded route does. */
async function run(task: Task, body: unknown, options: Options = {}): Promise<Outcome> {
  const place = await locate(task)
  const { answer = 'msgpack', signal = new AbortController().signal, deadlineAtMs = 0 } = options
  const common = { ...place, route: 'the route', metadata: undefined, answer, deadlineAtMs }
  const own = body instanceof Uint8Array ? new Uint8Array(body) : undefined
  const transfer = own === undefined ? [] : [own.buffer]
  return await pool.run({ order: () => ({ assignment: { ...common, body: own ?? body }, transfer }), bytes: 1, signal })
}

const order = async (given: Order, signal?: AbortSignal): Promise<Outcome> =>
  await run(act as Task, given, signal === undefined ? {} : { signal })

const sharedFlag = (): Int32Array => new Int32Array(new SharedArrayBuffer(4))

async function begun(flag: Int32Array): Promise<void> {
  await eventually(
    () => Atomics.load(flag, 0) === 1,
    () => 'the task has not begun',
  )
}

describe('bytes', () => {
  it.each([
    [0, ''],
    [1, 'pooled'],
    [2, '\u0001\u0002\u0003'],
    [3, '\0\0\0\0'],
    [4, '\0\0\0\0\0'],
    [6, '\0\0\0\0\0\0'],
  ])('of %i come back as a copy of exactly their size, as often as asked', async (length, text) => {
    for (let round = 0; round < 2; round++) {
      const outcome = await run(bytes as Task, new Uint8Array(length), { answer: 'bytes' })
      if (outcome.type !== 'bytes') throw new Error(`expected bytes, got ${outcome.type}`)
      const { value } = outcome
      expect(Buffer.from(value).toString('latin1')).toBe(text)
      expect([value.byteOffset, value.buffer.byteLength, value.buffer instanceof ArrayBuffer]).toEqual([
        0,
        text.length,
        true,
      ])
    }
  })

  it('go there as memory of exactly their size', async () => {
    const body = new Uint8Array(1000).subarray(100, 110)
    expect(await run(look as Task, body)).toEqual({
      type: 'value',
      value: { length: 10, offset: 0, memory: 10, kind: true },
    })
    expect(body.buffer.detached).toBe(false)
  })

  it('may be none', async () => {
    expect(await run(bytes as Task, new Uint8Array(5), { answer: 'bytes' })).toMatchObject({ value: undefined })
  })

  it('are what a route of bytes answers, and nothing else', async () => {
    const outcome = await run(act as Task, { what: 'thread' }, { answer: 'bytes' })
    expect(outcome).toMatchObject({ type: 'failed', name: 'TypeError' })
    expect(outcome).toHaveProperty('message', 'a task of a route that answers bytes returned number')
  })
})

describe('a task', () => {
  it('gets values by structured clone, and gives them so', async () => {
    const given = { what: 'add', n: 5, bytes: new Uint8Array([1, 2, 3]) }
    expect(await order(given)).toEqual({ type: 'value', value: { sum: 6, when: new Date(5) } })
  })

  it('knows its route and how much time is left', async () => {
    expect(await order({ what: 'context' })).toEqual({
      type: 'value',
      value: { route: 'the route', metadata: undefined, isAborted: false },
    })
    const outcome = await run(act as Task, { what: 'remaining' }, { deadlineAtMs: systemClock.nowMs() + 60_000 })
    const left = outcome.type === 'value' ? Number(outcome.value) : NaN
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(60_000)
  })

  it.each([
    ['throw', { type: 'failed', name: 'RangeError', message: 'secret of the thread' }],
    ['refuse', { type: 'refused', code: 8, message: 'not for you', retryAfterMs: 7, details: { why: 'rules' } }],
    ['refuse with a function', { type: 'refused', code: 8, message: 'not for you', details: undefined }],
    ['function', { type: 'failed', name: 'DataCloneError' }],
    ['throw nothing', { type: 'failed', message: 'undefined' }],
  ])('that ends in %s says so, and its thread goes on', async (what, outcome) => {
    const before = await order({ what: 'thread' })
    expect(await order({ what })).toMatchObject(outcome)
    expect(await order({ what: 'thread' })).toEqual(before)
  })

  it('that its module does not export is found out before any is run', async () => {
    await expect(locate(hiddenTask() as Task)).rejects.toThrow(/no export of file:.*tasks\.ts: write `export const`/)
  })
})

describe('a thread', () => {
  it('is started when it is needed, and leaves when it has been idle', async () => {
    await nextTurn()
    expect([threads, workerThreads()]).toEqual([undefined, 0])
    await Promise.all(Array.from({ length: 8 }, () => order({ what: 'thread' })))
    expect([threads?.alive, workerThreads()]).toEqual([THREADS_MAX, THREADS_MAX])
    await eventually(
      () => threads?.alive === 0 && workerThreads() === 0,
      () => `${workerThreads()} threads are left`,
    )
    expect(await order({ what: 'add' })).toMatchObject({ type: 'value' })
  })

  it.each([
    ['exit', 'code: 3'],
    ['memory', 'memory'],
  ])('that ends by %s costs one task; the next gets another', async (what, text) => {
    const [bad, good] = await Promise.allSettled([order({ what }), order({ what: 'add' })])
    expect(good).toMatchObject({ status: 'fulfilled' })
    expect(bad).toMatchObject({ status: 'rejected' })
    expect(bad.status === 'rejected' ? String(bad.reason) : '').toContain(text)
    expect(await order({ what: 'add' })).toMatchObject({ type: 'value' })
    expect(faults).toEqual([])
  })

  it.each(['leave a mistake', 'stray rejection'])('that a task leaves to fail (%s) ends, and is told', async (what) => {
    const flag = sharedFlag()
    // The mistake may come before the answer has left, or after it.
    const outcome = await order({ what, flag }).catch(String)
    await eventually(
      () => faults.length === 1 || typeof outcome === 'string',
      () => `nobody was told: ${JSON.stringify(outcome)}`,
    )
    expect(await order({ what: 'add' })).toMatchObject({ type: 'value' })
  })

  it('has the lowest priority, and nobody else’s is changed', { skip: process.platform !== 'linux' }, async () => {
    await order({ what: 'add' })
    const nice = readdirSync('/proc/self/task').map((id) => {
      const text = readFileSync(`/proc/self/task/${id}/stat`, 'utf8')
      const [name, rest] = [text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), text.slice(text.lastIndexOf(')'))]
      return `${name} ${rest.split(' ')[17]}`
    })
    expect(nice.filter((line) => line.endsWith(' 19'))).toEqual(['WorkerThread 19'])
  })
})

describe('an abort of a task that runs', () => {
  const cancelled = new ShardwireError(CANCELLED, 'cancelled')

  it.each([
    ['polite loop', 'stopped by itself'],
    ['await', 'CANCELLED'],
  ])('is heard by one that %ss, and its thread goes on', async (what, value) => {
    const abort = new AbortController()
    const flag = sharedFlag()
    const outcome = order({ what, flag }, abort.signal)
    await begun(flag)
    abort.abort(cancelled)
    expect(await outcome).toEqual({ type: 'value', value })
    clock.advance(GRACE_MS)
    expect([pool.counters.killed, threads?.alive]).toEqual([0, 1])
  })

  it('ends the thread of one that does not hear, and that one alone', async () => {
    const abort = new AbortController()
    const [flag, other] = [sharedFlag(), sharedFlag()]
    const outcome = order({ what: 'loop', flag }, abort.signal)
    const others = new AbortController()
    const polite = order({ what: 'polite loop', flag: other }, others.signal)
    await begun(flag)
    await begun(other)
    abort.abort(cancelled)
    clock.advance(GRACE_MS)
    await expect(outcome).rejects.toThrow('aborted')
    expect([pool.counters.killed, threads?.alive]).toEqual([1, 1])
    others.abort(cancelled)
    expect(await polite).toMatchObject({ type: 'value' })
  })

  it('inside of native code keeps its place until the thread has exited: never more threads than may be', async () => {
    let most = 0
    // tidy:allow no-sleep because what is looked at all the while is how many there are
    const stopLooking = systemClock.every(1, () => {
      most = Math.max(most, workerThreads())
    })
    for (let round = 0; round < 4; round++) {
      const aborts = Array.from({ length: 6 }, () => new AbortController())
      const ends = aborts.map(({ signal }) => order({ what: 'native', n: 2 ** 16 }, signal).catch(String))
      await eventually(
        () => pool.counters.running === THREADS_MAX,
        () => 'not all threads run',
      )
      for (const abort of aborts) abort.abort(cancelled)
      clock.advance(GRACE_MS)
      most = Math.max(most, workerThreads())
      await Promise.all(ends)
    }
    stopLooking()
    expect(most).toBe(THREADS_MAX)
    expect(pool.counters.killed).toBeGreaterThan(0)
    expect(await order({ what: 'add' })).toMatchObject({ type: 'value' })
  })
})
