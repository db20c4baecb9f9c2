import { CallCounter, FakeClock, withinLimit } from '@shardwire/testkit'
import { expect, test } from 'vitest'

import { CONNECT_STALL_MS } from '../../src/load/dialer.ts'
import { noErrors } from '../../src/load/error-ledger.ts'
import type { CoordinatorMessage, LoadSummary, Route } from '../../src/messages.ts'
import { SILENT } from '../../src/report/progress.ts'
import type { RunOutcome } from '../../src/report/run-report.ts'
import { Coordinator } from '../../src/run/coordinator.ts'
import type { LoadProcess, LoadProcessEvents } from '../../src/run/coordinator.ts'
import { splitLoad } from '../../src/run/load-split.ts'
import { NO_LATENCIES } from '../../src/load/latency-recorder.ts'
import { optionsWith } from '../fixtures/options.ts'

const ROUTE: Route = { hosts: ['127.0.0.1'], port: 7400, localAddress: null }
const CPU = { lengthUs: 1, threadCpuUs: 1, processCpuUs: 1, loopBusy: 0, spinUs: 0, gcCount: 0, gcUs: 0, gcMaxUs: 0 }
const SELF = { ...CPU, loopDelayP50Us: 1, loopDelayP99Us: 1 }

function summaryOf(loopDelayMaxUs: number): LoadSummary {
  const self = { ...SELF, loopDelayMaxUs }
  return { cutShort: false, measuredUs: 1_000_000, self, open: null, errors: noErrors(), example: null }
}

/** A load process that does nothing by itself: the test says what it reports and when it ends. */
class PuppetProcess implements LoadProcess {
  readonly index: number
  readonly pid = undefined
  readonly exited: Promise<void>
  readonly sent = new CallCounter<[CoordinatorMessage]>()
  readonly released = new CallCounter()
  killed = false
  readonly #events: LoadProcessEvents
  readonly #gone = Promise.withResolvers<void>()

  constructor(index: number, events: LoadProcessEvents) {
    this.index = index
    this.#events = events
    this.exited = this.#gone.promise
  }

  say(message: Parameters<LoadProcessEvents['onMessage']>[1]): void {
    this.#events.onMessage(this.index, message)
  }

  end(how: string): void {
    this.#gone.resolve()
    this.#events.onExit(this.index, how)
  }

  send(message: CoordinatorMessage): void {
    this.sent.call(message)
  }

  release(): void {
    this.released.call()
  }

  kill(): void {
    this.killed = true
    this.end('SIGKILL')
  }
}

class PuppetRun {
  readonly clock = new FakeClock()
  readonly processes: PuppetProcess[] = []
  readonly outcome: Promise<RunOutcome>

  constructor(processes: number) {
    const options = optionsWith({ connections: processes, processes })
    const begin = (index: number, events: LoadProcessEvents): LoadProcess => {
      const process = new PuppetProcess(index, events)
      this.processes.push(process)
      return process
    }
    const parts = { clock: this.clock, progress: SILENT, begin }
    this.outcome = new Coordinator(options, splitLoad(options, new Array<Route>(processes).fill(ROUTE)), parts).run(
      new AbortController().signal,
    )
  }

  get(index: number): PuppetProcess {
    const process = this.processes[index]
    if (process === undefined) throw new Error(`no process ${index}`)
    return process
  }

  /** All are ready and told to start. */
  async started(): Promise<void> {
    for (const process of this.processes) process.say({ type: 'ready', connects: NO_LATENCIES })
    for (const process of this.processes) await withinLimit(process.sent.reached(2), () => 'no start')
  }

  /** The outcome, once those that are left ended as they were told. */
  async ended(): Promise<RunOutcome> {
    for (const process of this.processes) {
      await withinLimit(process.released.reached(1), () => 'not released')
      if (!process.killed) process.end('code 0')
    }
    return await this.outcome
  }
}

test('a load process that hangs from its beginning on breaks the run, and is killed', async () => {
  const run = new PuppetRun(2)
  expect(run.get(1).sent.calls).toMatchObject([[{ type: 'prepare' }]])
  run.clock.advance(5000)
  run.get(0).say({ type: 'ready', connects: NO_LATENCIES })
  run.clock.advance(CONNECT_STALL_MS + 10_000)
  await withinLimit(run.get(1).released.reached(1), () => 'not released')
  run.get(0).end('code 0')
  run.clock.advance(2000)
  expect(run.get(1).killed).toBe(true)
  const { breaks, selves } = await run.outcome
  expect(breaks).toEqual(['Load process 1 did not report.'])
  expect(selves).toEqual([])
  expect(run.get(0).sent.calls.map(([{ type }]) => type)).not.toContain('start')
  expect(run.clock.pendingTimers).toBe(0)
})

test('connecting may take its time as long as there is progress', async () => {
  const run = new PuppetRun(1)
  for (let connected = 1; connected <= 10; connected++) {
    run.clock.advance(CONNECT_STALL_MS)
    run.get(0).say({ type: 'connecting', connected })
  }
  await run.started()
  run.get(0).say({ type: 'done', summary: summaryOf(0) })
  expect((await run.ended()).breaks).toEqual([])
  expect(run.clock.pendingTimers).toBe(0)
})

test('news of a process after the end watches nothing any more', async () => {
  const run = new PuppetRun(2)
  run.get(0).say({ type: 'connect-failed', failure: { code: 'ECONNREFUSED', message: 'refused', connected: 0 } })
  const ended = Promise.allSettled([run.outcome])
  await withinLimit(run.get(1).released.reached(1), () => 'not released')
  run.get(1).say({ type: 'connecting', connected: 1 })
  for (const process of run.processes) process.end('code 0')
  expect(await ended).toMatchObject([{ status: 'rejected', reason: { code: 'ECONNREFUSED' } }])
  expect(run.clock.pendingTimers).toBe(0)
})

test('a process keeps its number when another one died before it', async () => {
  const run = new PuppetRun(3)
  await run.started()
  run.get(0).end('SIGKILL')
  run.get(1).say({ type: 'done', summary: summaryOf(11) })
  run.get(2).say({ type: 'done', summary: summaryOf(22) })
  const { breaks, selves } = await run.ended()
  expect(breaks).toEqual(['Load process 0 ended (SIGKILL).'])
  expect(selves.map(({ process, loopDelayMaxUs }) => [process, loopDelayMaxUs])).toEqual([
    [1, 11],
    [2, 22],
  ])
})
