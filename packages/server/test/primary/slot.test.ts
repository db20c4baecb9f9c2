import { FakeClock, nextTurn } from '@shardwire/testkit'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { Readiness } from '../../src/primary/readiness.ts'
import { KILL_GRACE_MS, Slot, START_MS_MAX } from '../../src/primary/slot.ts'
import type { WorkerProcess } from '../../src/primary/worker-process.ts'
import { configOf } from '../config/machines.ts'
import { type FakeWorker, fakeWorker } from './fake-worker.ts'

const DRAIN_MS = 1000
const config = configOf({ SHARDWIRE_DRAIN_TIMEOUT_MS: String(DRAIN_MS) })
const generation = { config, env: {} }
const SIGKILL = [null, 'SIGKILL'] as const

interface Setup {
  readonly slot: Slot
  readonly clock: FakeClock
  /** All that were started, in that order. */
  readonly workers: FakeWorker[]
  readonly retired: WorkerProcess[]
  readonly events: string[]
  /** The `at`th that was started, as the slot knows it. */
  readonly worker: (at: number) => WorkerProcess
}

function setUp(): Setup {
  const clock = new FakeClock()
  const [workers, retired, events]: [FakeWorker[], WorkerProcess[], string[]] = [[], [], []]
  const log = pino({ level: 'debug' }, { write: (line) => void events.push(eventOf(line)) })
  const slot = new Slot({
    slot: 0,
    clock,
    log,
    readiness: new Readiness(log),
    generation: () => generation,
    lost: () => ({}),
    retired: (worker) => retired.push(worker),
    spawn: () => {
      const started = fakeWorker(0, workers.length, config, clock.nowMs())
      workers.push(started)
      return started.process
    },
  })
  const worker = (at: number): WorkerProcess => {
    const { process } = workers[at] ?? {}
    if (process === undefined) throw new Error(`there is no worker ${at}`)
    return process
  }
  slot.start()
  slot.serves(worker(0))
  return { slot, clock, workers, retired, events, worker }
}

function eventOf(line: string): string {
  return String((JSON.parse(line) as { readonly event?: string }).event)
}

describe('a worker that asks to be replaced', () => {
  it('is, and drained once its successor serves', async () => {
    const { slot, clock, workers, retired, worker } = setUp()
    slot.outworn(worker(0), 'its heap is full')
    clock.advance(0)
    await nextTurn()
    expect([workers.length, retired.length]).toEqual([2, 0])
    slot.serves(worker(1))
    expect([slot.current, retired, workers[0]?.told]).toEqual([worker(1), [worker(0)], ['drain']])
    slot.ended(worker(0), 0, null)
    expect(slot.workers).toEqual([worker(1)])
  })

  it('while a successor starts for another reason is not forgotten when that does not come up', async () => {
    const { slot, clock, workers, worker } = setUp()
    const reload = slot.replace('reload', generation)
    await nextTurn()
    slot.outworn(worker(0), 'its heap is full')
    slot.ended(worker(1), 1, null)
    expect(await reload).toMatchObject({ ok: false })
    clock.advance(0)
    await nextTurn()
    expect(workers).toHaveLength(3)
    slot.serves(worker(2))
    expect(workers[0]?.told).toEqual(['drain'])
  })

  it('and waits for its turn is not forgotten when a reload comes first and fails', async () => {
    const { slot, clock, workers, worker } = setUp()
    slot.outworn(worker(0), 'its heap is full')
    // Before its moment has come.
    const reload = slot.replace('reload', generation)
    await nextTurn()
    slot.ended(worker(1), 1, null)
    expect(await reload).toMatchObject({ ok: false })
    clock.advance(2000)
    await nextTurn()
    expect(workers).toHaveLength(3)
  })

  it('is not replaced twice when a reload has done it meanwhile', async () => {
    const { slot, clock, workers, worker } = setUp()
    slot.outworn(worker(0), 'its heap is full')
    const reload = slot.replace('reload', generation)
    await nextTurn()
    slot.serves(worker(1))
    expect(await reload).toMatchObject({ ok: true })
    slot.ended(worker(0), 0, null)
    clock.advance(60_000)
    await nextTurn()
    expect([workers.length, slot.current]).toEqual([2, worker(1)])
  })

  it('and a reload that wait for the same worker to leave do not both start a successor', async () => {
    const { slot, clock, workers, worker } = setUp()
    const first = slot.replace('reload', generation)
    await nextTurn()
    slot.serves(worker(1))
    expect(await first).toMatchObject({ ok: true })
    slot.outworn(worker(1), 'its heap is full')
    clock.advance(0)
    const second = slot.replace('reload', generation)
    await nextTurn()
    expect(workers).toHaveLength(2)
    slot.ended(worker(0), 0, null)
    await nextTurn()
    expect(workers).toHaveLength(3)
    slot.serves(worker(2))
    slot.ended(worker(1), 0, null)
    await nextTurn()
    slot.serves(worker(3))
    expect(await second).toMatchObject({ ok: true })
    expect(workers).toHaveLength(4)
  })

  it('and dies instead is started again, once', async () => {
    const { slot, clock, workers, worker } = setUp()
    slot.outworn(worker(0), 'its heap is full')
    slot.ended(worker(0), ...SIGKILL)
    clock.advance(60_000)
    await nextTurn()
    expect(workers).toHaveLength(2)
  })
})

describe('a worker that is started again and does not come up', () => {
  it('is killed after a minute, and the next one tried', () => {
    const { slot, clock, workers, events, worker } = setUp()
    slot.ended(worker(0), ...SIGKILL)
    clock.advance(50)
    expect(workers).toHaveLength(2)
    clock.advance(START_MS_MAX - 1)
    expect(workers[1]?.isKilled()).toBe(false)
    clock.advance(1)
    expect(workers[1]?.isKilled()).toBe(true)
    slot.ended(worker(1), ...SIGKILL)
    expect(events).toEqual(['worker-exited', 'worker-exited'])
    clock.advance(100)
    slot.serves(worker(2))
    clock.advance(2 * START_MS_MAX)
    expect([workers.length, workers[2]?.isKilled()]).toEqual([3, false])
  })

  it('again and again is a crash loop, however long each takes to fail', () => {
    const { slot, clock, workers, events, worker } = setUp()
    slot.ended(worker(0), ...SIGKILL)
    for (let at = 1; at <= 3; at++) {
      clock.advance(1000)
      expect(workers).toHaveLength(at + 1)
      clock.advance(30_000)
      slot.ended(worker(at), 1, null)
    }
    expect(events.filter((event) => event === 'crash-loop')).toHaveLength(1)
  })
})

describe('a worker that was replaced', () => {
  it('and does not end by its deadline is killed', async () => {
    const { slot, clock, workers, events, worker } = setUp()
    void slot.replace('reload', generation)
    await nextTurn()
    slot.serves(worker(1))
    clock.advance(DRAIN_MS + KILL_GRACE_MS - 1)
    expect(workers[0]?.isKilled()).toBe(false)
    clock.advance(1)
    expect(workers[0]?.isKilled()).toBe(true)
    slot.ended(worker(0), ...SIGKILL)
    expect(events.slice(-2)).toEqual(['worker-killed', 'worker-replaced'])
  })
})

describe('a slot that is stopped', () => {
  it('starts nobody any more, and tells who waits for a successor', async () => {
    const { slot, clock, workers, worker } = setUp()
    slot.ended(worker(0), ...SIGKILL)
    const reload = slot.replace('reload', generation)
    await nextTurn()
    slot.stop()
    expect(await reload).toMatchObject({ ok: false, isEnd: true })
    slot.ended(worker(1), 0, null)
    clock.advance(60_000)
    await nextTurn()
    expect([workers.length, clock.pendingTimers]).toEqual([2, 0])
  })
})
