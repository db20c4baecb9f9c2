import { FakeClock, withSeed } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'

import type { LoadSummary, OpenPlan } from '../../src/messages.ts'
import { planFor, RunningLoad } from '../fixtures/run-load.ts'
import type { PlanChange } from '../fixtures/run-load.ts'
import { SimulatedServer } from '../fixtures/simulated-server.ts'
import type { Stall } from '../fixtures/simulated-server.ts'

const SERVICE_MS = 0.01
const RATE = 1000
const DURATION_MS = 20_000
/** Where the fake clock stands when it begins. */
const BEGIN_MS = 1000

interface Simulated {
  readonly load: RunningLoad
  readonly server: SimulatedServer
}

function openPlan(change: Partial<OpenPlan> = {}): OpenPlan {
  const stages = [{ fromPerSecond: RATE, toPerSecond: RATE, lengthMs: DURATION_MS }]
  return { stages, arrivals: 'constant', pacing: 'timer', part: 0, parts: 1, ...change }
}

/** @param stalls in milliseconds since the beginning of the load */
async function simulate(stalls: readonly Stall[], change: PlanChange = {}, serviceMs = SERVICE_MS): Promise<Simulated> {
  const plan = planFor({ port: 1 }, { connections: 10, depth: 1, durationMs: DURATION_MS, open: openPlan(), ...change })
  const moved = stalls.map(({ fromMs, toMs }) => ({ fromMs: fromMs + BEGIN_MS, toMs: toMs + BEGIN_MS }))
  const clock = new FakeClock({ nowMs: BEGIN_MS })
  const server = new SimulatedServer(clock, serviceMs, moved)
  const load = new RunningLoad(plan, (slab) => server.openDial(slab), clock)
  clock.advance(0)
  await load.start()
  return { load, server }
}

/** Lets the rest of the measured time pass, and a moment of the drain, in which the last answers come. */
async function finish(load: RunningLoad, restMs: number): Promise<LoadSummary> {
  const done = load.finish(restMs)
  load.clock.advance(20)
  return await done
}

/** The value below which `percent` percent of the numbers lie, by sorting them. */
function bruteForce(numbers: readonly number[], percent: number): number {
  const sorted = numbers.toSorted((one, other) => one - other)
  // 99.9 % of 20 000 are 19 980, and not the 19 980.000000000004 of floating point, which is one sample further on.
  const rank = Math.ceil(Number(((percent / 100) * sorted.length).toFixed(6)))
  return sorted[Math.max(0, rank - 1)] ?? NaN
}

/** When each frame of a constant load was due, in microseconds since its beginning: by arithmetic, not by the code. */
function dueUs(): number[] {
  return Array.from({ length: (RATE * DURATION_MS) / 1000 }, (_, index) => ((index + 0.5) / RATE) * 1e6)
}

describe('a stall of 1.4 s in 20 s', () => {
  // 7 % of the frames fall due during the stall and wait for what is left of it: the slowest hundredth begins where
  // 1.4 s less 1 % of 20 s are left, which is 1.2 s. The tenth percentile from the top is beyond the stall.
  test('moves the p99 of the response time as arithmetic says, and hardly the uncorrected one', async () => {
    const { load } = await simulate([{ fromMs: 10_000, toMs: 11_400 }])
    await finish(load, DURATION_MS)
    const response = load.latency('response')
    const uncorrected = load.latency('service')
    expect(response.samples).toBe(20_000)
    expect(response.maxUs / 1e6).toBeCloseTo(1.4, 2)
    expect(response.percentileUs(99) / 1e6).toBeCloseTo(1.2, 2)
    expect(response.percentileUs(97) / 1e6).toBeCloseTo(0.8, 2)
    expect(response.percentileUs(94) / 1e6).toBeCloseTo(0.2, 2)
    expect(response.percentileUs(92)).toBeLessThan(2000)
    // Ten connections with one frame each in flight: ten samples of 20 000 see it.
    expect(uncorrected.samples).toBe(20_000)
    expect(uncorrected.maxUs / 1e6).toBeCloseTo(1.4, 2)
    expect(uncorrected.percentileUs(99)).toBeLessThan(50)
    expect(uncorrected.percentileUs(99.9)).toBeLessThan(50)
  })

  test('has the same response times with room for all, when frames go out during the stall', async () => {
    const { load } = await simulate([{ fromMs: 10_000, toMs: 11_400 }], { depth: 1000 })
    const { open } = await finish(load, DURATION_MS)
    for (const kind of ['response', 'service'] as const) {
      expect(load.latency(kind).percentileUs(99) / 1e6).toBeCloseTo(1.2, 2)
    }
    expect(open).toMatchObject({ due: 20_000, held: 0, censored: 0 })
  })

  test('is of the server, not of the generator: own lag stays what a timer makes of it', async () => {
    const { load } = await simulate([{ fromMs: 10_000, toMs: 11_400 }])
    const { open } = await finish(load, DURATION_MS)
    expect(load.latency('sendLag').maxUs / 1e6).toBeGreaterThan(1.38)
    expect(load.latency('ownLag').maxUs).toBeLessThanOrEqual(1000)
    expect(open).toMatchObject({ due: 20_000, late: 0, unsent: 0, dropped: 0, censored: 0 })
    expect(open?.held).toBeGreaterThan(1380)
    expect(open?.held).toBeLessThan(1400)
  })

  test('hits what is planned for its connections: frames are not passed to one that is well', async () => {
    const { load, server } = await simulate([{ fromMs: 10_000, toMs: 11_400 }], { connections: 2 })
    await finish(load, DURATION_MS)
    const ports = new Map<number, number>()
    for (const { bytes } of server.writes) {
      const connection = Buffer.from(bytes).readUInt32BE(6)
      ports.set(connection, (ports.get(connection) ?? 0) + 1)
    }
    expect([...ports.values()]).toEqual([10_000, 10_000])
  })
})

test('percentiles are those of a sorted array of the same samples', async () => {
  await withSeed('percentiles of the open loop', async (random) => {
    const stalls = Array.from({ length: 5 }, (_, index) => {
      const fromMs = 1000 + index * 3500 + random.integer(0, 1000)
      return { fromMs, toMs: fromMs + random.integer(1, 1200) }
    })
    const { load, server } = await simulate(stalls, { depth: 100_000, connections: 1 }, 3)
    await finish(load, DURATION_MS)
    // One write may carry several frames; all are answered as one.
    const answeredUs = server.writes.flatMap(({ atMs, bytes }) => {
      const sentMs = atMs - BEGIN_MS
      const stall = stalls.find(({ fromMs, toMs }) => sentMs + 3 > fromMs && sentMs < toMs)
      const atUs = 1000 * (stall === undefined ? sentMs + 3 : Math.max(sentMs + 3, stall.toMs))
      return new Array<number>(bytes.length / 74).fill(atUs)
    })
    const responses = dueUs().map((due, index) => Math.round((answeredUs[index] ?? NaN) - due))
    const measured = load.latency('response')
    expect(measured.samples).toBe(responses.length)
    expect(measured.maxUs).toBe(Math.max(...responses))
    expect(measured.sumUs).toBe(responses.reduce((sum, one) => sum + one, 0))
    for (const percent of [1, 10, 50, 75, 90, 95, 99, 99.9, 99.99]) {
      const exact = bruteForce(responses, percent)
      expect(Math.abs(measured.percentileUs(percent) - exact)).toBeLessThanOrEqual(Math.max(1, exact / 1000))
    }
  })
})

describe('a server that cannot keep up', () => {
  // One connection, one frame at a time, 2 ms each: 500 a second of the 1000 that are due.
  test('is measured by what is waiting too: nothing that was due is left out', async () => {
    const { load } = await simulate([], { connections: 1, drainMs: 1000 }, 2)
    load.clock.advance(DURATION_MS)
    load.clock.advance(1000)
    const { summary } = await load.seen('done')
    expect(summary.open).toMatchObject({ due: 20_000, dropped: 0 })
    expect(summary.open?.unsent).toBeGreaterThan(9400)
    expect(summary.open?.censored).toBe((summary.open?.unsent ?? 0) + 1)
    const response = load.latency()
    expect(response.samples).toBe(20_000)
    // The frames of the last second before the end have waited for one to two seconds, the oldest half of 20 s.
    expect(response.percentileUs(99) / 1e6).toBeGreaterThan(10)
    // It was still answering: that is overload, not silence.
    expect(summary.errors.unanswered).toBe(0)
  })

  test('and falls silent is one that does not answer', async () => {
    const { load } = await simulate([{ fromMs: 15_000, toMs: 1e9 }], { drainMs: 2000 })
    load.clock.advance(DURATION_MS + 2000)
    const { summary } = await load.seen('done')
    expect(summary.errors.unanswered).toBe(10)
    expect(summary.open).toMatchObject({ due: 20_000, censored: 5001, unsent: 4991 })
    expect(load.latency().samples).toBe(20_000)
  })

  test('and catches up in the drain has its frames counted to the end', async () => {
    const { load } = await simulate([{ fromMs: 19_000, toMs: 21_000 }])
    const done = load.finish(DURATION_MS)
    load.clock.advance(1500)
    expect((await done).open).toMatchObject({ due: 20_000, censored: 0, unsent: 0 })
    expect(load.latency().samples).toBe(20_000)
    expect(load.latency().maxUs / 1e6).toBeCloseTo(2, 2)
  })
})

describe('what is measured', () => {
  test('is what fell due in the measured time, and not the warm-up', async () => {
    const stages = [
      { fromPerSecond: RATE, toPerSecond: RATE, lengthMs: 3000 },
      { fromPerSecond: RATE, toPerSecond: RATE, lengthMs: 2000 },
    ]
    const { load } = await simulate([], { warmupMs: 3000, durationMs: 2000, open: openPlan({ stages }) })
    load.clock.advance(3000)
    expect((await finish(load, 2000)).open).toMatchObject({ due: 2000 })
    expect(load.latency().samples).toBe(2000)
  })

  test('of a stall that begins in the warm-up is what is left of it', async () => {
    const stages = [{ fromPerSecond: RATE, toPerSecond: RATE, lengthMs: 5000 }]
    const stall = [{ fromMs: 2500, toMs: 3600 }]
    const { load } = await simulate(stall, { warmupMs: 3000, durationMs: 2000, open: openPlan({ stages }) })
    load.clock.advance(3000)
    await finish(load, 2000)
    expect(load.latency().samples).toBe(2000)
    expect(load.latency().maxUs / 1e6).toBeCloseTo(0.6, 2)
  })
})

test('frames of several forms come as often as their weights say', async () => {
  const shape = { classIndex: 0, route: 1, body: null, answer: 'echo' }
  const shapes = [16, 64, 1000].map((payloadBytes) => ({ ...shape, payloadBytes }))
  const traffic = { classes: ['1'], shapes, weights: [5, 3, 2] }
  const { load, server } = await simulate([], { traffic, depth: 4 })
  expect((await finish(load, DURATION_MS)).errors).toMatchObject({ 'wrong-answer': 0 })
  const bytes = server.writes.reduce((sum, write) => sum + write.bytes.length, 0)
  expect(bytes / 20_000).toBeCloseTo(0.5 * 26 + 0.3 * 74 + 0.2 * 1010, -1)
})
