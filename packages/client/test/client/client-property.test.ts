/** Whatever servers, callers and listeners do, in whatever order: each call ends once and in time, nothing stays. */
import { nextTurn, type Random, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { ClientError, createClient, ShardwireError } from '../../src/index.ts'
import type { Client, ClientOptions, Connection, Lease, StatusEvent } from '../../src/index.ts'
import { bytesOf, textOf } from '../support.ts'
import { FakeNetwork, leavesNothing, REFUSED, scene } from './fake-network.ts'
import type { Scene } from './fake-network.ts'

const RUNS = 60
const STEPS = 150
const ADDRESSES = ['a:1', 'b:1', 'c:1']
/** The test moves time by so much at once. */
const STEP_MS = 50
/** How late a call may be told that its time is up: it may have waited twice. */
const LATE_MS = 4 * STEP_MS

const SERVER_ERRORS = [9, 11, 12, 15].map((code) => new ShardwireError(code, 'no', { retryAfterMs: 100 }))

/** Calls that were made, and what became of them. */
class Tally {
  begun = 0
  ended = 0
  answered = 0
  readonly wrong: string[] = []
  readonly leases: Lease<Connection>[] = []
}

class Run {
  readonly #random: Random
  readonly #all: Scene
  readonly #tally = new Tally()
  readonly #controllers: AbortController[] = []
  #requests = 0

  constructor(random: Random, all: Scene) {
    this.#random = random
    this.#all = all
  }

  async go(): Promise<Tally> {
    const steps = this.#steps()
    for (let step = 0; step < STEPS; step++) {
      const beganMs = this.#all.clock.nowMs()
      this.#random.pick(steps)()
      // What time brings about is seen before more of it passes, or all would seem late.
      if (this.#all.clock.nowMs() > beganMs || this.#random.next() < 0.6) await nextTurn()
    }
    await this.#end()
    return this.#tally
  }

  #steps(): (() => void)[] {
    const random = this.#random
    const { network } = this.#all
    const connection = () => random.pick([...network.open, undefined])
    const request = () => random.pick([...network.pending, undefined])
    const ask = (): void => this.#ask()
    return [
      ...[ask, ask, ask, ask],
      () => this.#acquire(),
      () => this.#tally.leases.pop()?.[random.pick(['release', 'discard'] as const)](),
      ...[1, 2, 3].map(() => () => {
        const asked = request()
        asked?.resolve(asked.body)
      }),
      () => request()?.reject(random.pick(SERVER_ERRORS)),
      () => request()?.reject(new ClientError('REQUEST_TIMEOUT', 'silence')),
      () => connection()?.lose(),
      () => {
        const retry = random.pick(['now', 'later'] as const)
        connection()?.sendGoaway({ retry, retryAfterMs: 300, jitterMs: 300 })
      },
      () => {
        const one = connection()
        if (one?.isOpen === true) one.suspect(random.next() < 0.5)
      },
      () => network.set(random.pick(ADDRESSES), random.pick(['up', 'up', 'up', 'hang', REFUSED] as const)),
      () => this.#controllers.pop()?.abort(),
      ...[1, 2, 3].map(() => () => network.clock.advance(random.integer(0, 10) * STEP_MS)),
    ]
  }

  #ask(): void {
    const { client, clock } = this.#all
    const tally = this.#tally
    const text = `request ${this.#requests++}`
    const body = bytesOf(text)
    const timeoutMs = this.#random.integer(1, 3000)
    const controller = new AbortController()
    if (this.#random.next() < 0.2) this.#controllers.push(controller)
    const dueMs = clock.nowMs() + timeoutMs
    tally.begun++
    client.request(this.#random.integer(1, 2), body, { timeoutMs, signal: controller.signal }).then(
      (answer) => {
        tally.ended++
        tally.answered++
        if (textOf(answer) !== text) tally.wrong.push(`${text} was answered ${textOf(answer)}`)
      },
      (error: unknown) => {
        tally.ended++
        if (!(error instanceof ClientError) && !(error instanceof ShardwireError)) tally.wrong.push(String(error))
        // What waits on a connection is ended by the connection, which is not that of this test.
        const waited = error instanceof ClientError && error.code === 'NO_CONNECTION'
        if (waited && clock.nowMs() > dueMs + LATE_MS + 10 * STEP_MS) tally.wrong.push(`${text} ended late`)
      },
    )
    // The memory is the caller's again.
    body.fill(0)
  }

  #acquire(): void {
    const tally = this.#tally
    tally.begun++
    this.#all.client.acquire({ timeoutMs: this.#random.integer(1, 2000) }).then(
      (lease) => {
        tally.ended++
        tally.leases.push(lease)
      },
      () => tally.ended++,
    )
  }

  async #end(): Promise<void> {
    const { client, network } = this.#all
    const ending = this.#random.next() < 0.5 ? client.close() : client.destroy()
    for (const lease of this.#tally.leases) lease.release()
    for (let turn = 0; turn < 5; turn++) {
      for (const { resolve, body } of network.pending) resolve(body)
      await nextTurn()
    }
    for (const lease of this.#tally.leases) lease.release()
    await network.pass(6000)
    await ending
  }
}

function optionsOf(random: Random): Partial<ClientOptions> {
  const max = random.integer(1, 3)
  return {
    addresses: ADDRESSES.slice(0, random.integer(1, 3)),
    balance: random.pick(['round-robin', 'least-in-flight', 'power-of-two'] as const),
    pool: { max, min: random.integer(0, max), requestsPerConnection: 2, idleTimeoutMs: 1000, maxAgeMs: 3000 },
    reconnect: { minMs: 20, maxMs: 500, giveUpAfterMs: 2000 },
    breaker: random.pick([false, { failuresInRow: 3, openMs: 300 }] as const),
    idempotentRoutes: [1],
    waitersMax: random.integer(0, 20),
    leaseWarnMs: random.pick([0, 500]),
    random: () => random.next(),
  }
}

it('ends each call once, with its own answer or a typed error, and leaves nothing', async () => {
  await withSeed('client', async (random) => {
    let allAnswered = 0
    for (let round = 0; round < RUNS; round++) {
      const all = await scene(optionsOf(random))
      const { begun, ended, answered, wrong } = await new Run(random, all).go()
      expect(wrong).toEqual([])
      expect(ended).toBe(begun)
      allAnswered += answered
      await leavesNothing(all)
    }
    expect(allAnswered).toBeGreaterThan(RUNS)
  })
})

/** Leases that nobody gives back, kept: one that is lost is told at a moment that nobody chooses. */
const held: unknown[] = []

/** An eventful day: a connection each of all kinds of ends, a breaker that opens and closes, an address given up. */
async function day({ client, network }: Scene): Promise<void> {
  const ask = (count: number): void => {
    for (let left = count; left > 0; left--) client.request(1, undefined, { timeoutMs: 500 }).catch(() => undefined)
  }
  ask(3)
  network.serve = ({ resolve }) => resolve(new Uint8Array(0))
  await network.pass(100)
  network.of('a:1')[0]?.suspect(true)
  await network.pass(100)
  network.of('a:1')[0]?.suspect(false)
  client
    .acquire()
    .then((lease) => held.push(lease))
    .catch(() => undefined)
  await network.pass(2000)
  network.of('a:1')[0]?.sendGoaway({ retry: 'now', jitterMs: 100 })
  ask(2)
  await network.pass(200)
  network.serve = ({ reject }) => reject(new ShardwireError(9, 'late'))
  ask(10)
  await network.pass(600)
  network.serve = ({ resolve }) => resolve(new Uint8Array(0))
  ask(5)
  await network.pass(600)
  for (const target of ADDRESSES) network.set(target, REFUSED)
  for (const connection of [...network.open]) connection.lose()
  ask(3)
  await network.pass(5000)
  for (const target of ADDRESSES) network.set(target, 'up')
  ask(3)
  await network.pass(1000)
}

const DAY_OPTIONS: Partial<ClientOptions> = {
  ...{ pool: { max: 2 }, leaseWarnMs: 500, closeTimeoutMs: 100 },
  ...{ reconnect: { giveUpAfterMs: 1000 }, breaker: { failuresInRow: 2, openMs: 200 } },
}

describe('a listener that ends the client', () => {
  it('may do so at any event', async () => {
    const events = await eventsOfDay(undefined)
    const kinds = new Set(events.map(({ type }) => type))
    const all: readonly StatusEvent['type'][] = [
      ...(['state', 'connecting', 'attempt-failed', 'waiting', 'gave-up', 'connected', 'disconnected'] as const),
      ...(['goaway', 'suspect', 'recovered', 'breaker', 'lease-held'] as const),
    ]
    expect([...kinds].sort()).toEqual([...all].sort())
    for (let at = 0; at < events.length; at++) {
      for (const verb of ['close', 'destroy'] as const) {
        const told = await eventsOfDay({ at, verb })
        expect(told.slice(0, at + 1).map(({ type }) => type)).toEqual(events.slice(0, at + 1).map(({ type }) => type))
      }
    }
  })
})

/** Spends a day, with the client ended out of its listener at one of the events. @returns what was told */
async function eventsOfDay(end: { readonly at: number; readonly verb: 'close' | 'destroy' } | undefined) {
  const events: StatusEvent[] = []
  const network = new FakeNetwork()
  const { clock, dial } = network
  const client: Client = createClient({
    ...{ addresses: ['a:1', 'b:1'], clock, dial, random: () => 0.5, ...DAY_OPTIONS },
    onStatus: (event) => {
      events.push(event)
      // Also at the first: nothing is told before there is a client.
      if (events.length - 1 === end?.at) void client[end.verb]()
    },
  })
  await nextTurn()
  const all = { network, clock, client }
  await day(all)
  await client.destroy()
  const told = events.length
  await leavesNothing(all)
  expect(events.slice(told)).toEqual([])
  return events
}
