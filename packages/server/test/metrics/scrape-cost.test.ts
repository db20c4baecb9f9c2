/** Owns the test of what a scrape costs the primary, whose loop stands still meanwhile. */
import { EventEmitter } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { Random } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'
import { collectFigures, type FigureSources } from '../../src/metrics/daemon-figures.ts'
import { DURATION_BOUNDS, observe } from '../../src/metrics/histogram.ts'
import { renderMetrics } from '../../src/metrics/render.ts'
import { createRouteCounters } from '../../src/metrics/route-stats.ts'
import { createVitalLevels, createVitalTotals } from '../../src/metrics/vitals.ts'
import { Totals } from '../../src/primary/totals.ts'
import { type WorkerObserver, WorkerProcess } from '../../src/primary/worker-process.ts'
import { createRefusals } from '../../src/refusal.ts'

const WORKERS = 50
const ROUTES = 100
const ROUNDS = 15
const LIMIT_MS = 50
const US_PER_MS = 1000
const SEED = 7

const random = new Random(SEED)
const machine = { cores: 64, memoryBytes: 2 ** 38, descriptorLimit: 2 ** 20 }

/** A worker as the primary knows it, with a figure in every place where one can be. */
function workerOf(slot: number, config: WorkerProcess['config']): WorkerProcess {
  const life = { slot, epoch: `life${slot}`, config, startedAtMs: 0 }
  const worker = new WorkerProcess(new EventEmitter() as ChildProcess, life, {} as WorkerObserver)
  worker.ready = true
  for (let number = 1; number <= ROUTES; number++) {
    const counters = createRouteCounters(number, `route-${number}`)
    for (const outcomes of [counters.requests, counters.messages]) {
      for (const index of outcomes.keys()) outcomes[index] = random.integer(0, 1e9)
    }
    for (let n = 0; n < 20; n++) observe(counters.latency, DURATION_BOUNDS, random.next())
    worker.routes.set(counters.name, counters)
  }
  return worker
}

it(`a scrape of ${WORKERS} workers with ${ROUTES} routes takes less than ${LIMIT_MS} ms`, () => {
  const loaded = loadConfig({ SHARDWIRE_WORKERS: String(WORKERS) }, machine)
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join())
  const { config } = loaded
  const workers = Array.from({ length: WORKERS }, (_, slot) => workerOf(slot, config))
  const sources: FigureSources = {
    config: () => config,
    readiness: { isReady: true, reasons: [], isStopping: false },
    totals: new Totals(),
    handoff: { pending: 0, offeredAgain: 0, refusals: createRefusals() },
    workers: () => workers,
    reloads: {
      ...{ done: 0, failed: 0, refused: 0, lastDoneAtSeconds: 0 },
      ...{ isRunning: false, lastOutcome: null, lastProblems: [] },
    },
    vitals: () => ({ totals: createVitalTotals(), levels: createVitalLevels() }),
    startedAtSeconds: 0,
  }
  const kernel = { counters: new Map(), sockets: undefined, memoryMax: undefined }
  let text = ''
  // Time of its own thread on a core: what else the machine does meanwhile is no cost of a scrape.
  const tookMs = Array.from({ length: ROUNDS }, () => {
    const before = process.threadCpuUsage()
    text = renderMetrics(collectFigures(sources), kernel)
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / US_PER_MS
  })
  expect(text.match(/^shardwire_requests_total\{/gm)?.length).toBeGreaterThan(ROUTES * 10)
  expect(text.match(/worker="49"/g)?.length).toBeGreaterThan(30)
  expect(Math.min(...tookMs), `all: ${tookMs.map((ms) => ms.toFixed(1)).join(', ')}`).toBeLessThan(LIMIT_MS)
})
