/**
 * Owns the load of the chaos test: clients that ask, each request with a nonce of its own, and what became of each.
 * Must not know: what goes wrong meanwhile, or why.
 * Invariant: a request is counted asked once and settled once; an answer that is not its own is remembered for good.
 */
import { ClientError, connect, type Connection, ShardwireError } from '@shardwire/client'
import { type FaultProxy, joinBytes, Latch, nextTurn, type Random, withinLimit } from '@shardwire/testkit'

const ROUTES = [1, 1, 2]
const PADDING_BYTES = [0, 0, 10, 500, 5000, 60_000]
const REQUESTS_PER_LIFE_MAX = 40
const IN_FLIGHT_MAX = 8
const REQUEST_TIMEOUT_MS = 1000
const NONCE_BYTES = 24

export interface LoadCounts {
  asked: number
  answered: number
  failed: number
  connects: number
  connectsFailed: number
  /** Failures of requests by their code. */
  readonly errors: Map<string, number>
}

export class Load {
  readonly counts: LoadCounts = {
    asked: 0,
    answered: 0,
    failed: 0,
    connects: 0,
    connectsFailed: 0,
    errors: new Map(),
  }
  /** What must never happen. */
  readonly violations: string[] = []
  readonly #port: number
  readonly #proxy: FaultProxy
  readonly #random: Random
  readonly #waiting = new Set<{ readonly count: number; readonly latch: Latch }>()
  /** What each lane waits for, for messages. */
  readonly #doing: string[] = []
  #isOver = false
  readonly #lanes: Promise<void>[]

  /** @param lanes how many clients at once; every second one comes through the proxy */
  constructor(port: number, proxy: FaultProxy, random: Random, lanes: number) {
    this.#port = port
    this.#proxy = proxy
    this.#random = random
    this.#lanes = Array.from({ length: lanes }, (_, lane) => this.#lane(lane))
  }

  get settled(): number {
    return this.counts.answered + this.counts.failed
  }

  /** Waits until `count` more requests have settled than by now. */
  async progress(count: number): Promise<void> {
    const waiting = { count: this.settled + count, latch: new Latch() }
    this.#waiting.add(waiting)
    const describe = (): string => `${this.settled} of ${waiting.count} requests settled; ${this.describe()}`
    await withinLimit(waiting.latch.promise, describe, 20_000).finally(() => this.#waiting.delete(waiting))
  }

  /** Ends the load. Settles when every request has, and every connection is gone. */
  async stop(): Promise<void> {
    this.#isOver = true
    await withinLimit(
      Promise.all(this.#lanes),
      () => `the load does not end: ${this.#unfinished()}${this.describe()}`,
      20_000,
    )
    const { asked } = this.counts
    if (asked !== this.settled) this.violations.push(`${asked} requests were asked, ${this.settled} settled`)
  }

  describe(): string {
    return JSON.stringify({ ...this.counts, errors: Object.fromEntries(this.counts.errors) })
  }

  /** What lanes still wait for. */
  #unfinished(): string {
    return this.#doing.map((what, lane) => (what === 'done' ? '' : `lane ${lane} ${what}; `)).join('')
  }

  async #lane(lane: number): Promise<void> {
    for (let life = 0; !this.#isOver; life++) {
      this.#doing[lane] = 'connects'
      const connection = await this.#connect(lane)
      if (connection === undefined) await nextTurn()
      else await this.#live(connection, lane, life)
    }
    this.#doing[lane] = 'done'
  }

  async #connect(lane: number): Promise<Connection | undefined> {
    const port = lane % 2 === 0 ? this.#port : this.#proxy.port
    this.counts.connects++
    try {
      return await connect({ host: '127.0.0.1', port, timeoutMs: 2000, closeTimeoutMs: 1000 })
    } catch (error) {
      if (!isExpected(error)) throw error
      this.counts.connectsFailed++
      return undefined
    }
  }

  async #live(connection: Connection, lane: number, life: number): Promise<void> {
    const total = this.#random.integer(1, REQUESTS_PER_LIFE_MAX)
    let begun = 0
    // A connection that does not answer in time is given up, as callers do: it may be in a black hole.
    let answers = true
    const ask = async (): Promise<void> => {
      while (answers && !this.#isOver && begun < total && connection.isOpen) {
        answers = await this.#ask(connection, [lane, life, begun++])
      }
    }
    this.#doing[lane] = 'asks'
    await Promise.all(Array.from({ length: this.#random.integer(1, IN_FLIGHT_MAX) }, ask))
    this.#doing[lane] = 'closes'
    // A second answer to a request would be one to an id that is not in flight.
    const { answersUnknown } = connection.stats
    if (answersUnknown > 0) this.violations.push(`${answersUnknown} answers to requests that were answered already`)
    if (answers && this.#random.next() < 0.7) await connection.close()
    else connection.destroy()
    await connection.closed
  }

  /** One request. @returns false when its answer did not come in time */
  async #ask(connection: Connection, [lane, life, index]: readonly [number, number, number]): Promise<boolean> {
    const nonce = Buffer.alloc(NONCE_BYTES)
    for (const [at, part] of [lane, life, index].entries()) nonce.writeUInt32BE(part, at * 4)
    nonce.set(this.#random.bytes(NONCE_BYTES - 12), 12)
    const body = joinBytes([nonce, new Uint8Array(this.#random.pick(PADDING_BYTES)).fill(nonce[15] ?? 0)])
    let answers = true
    this.counts.asked++
    try {
      const answer = await connection.request(this.#random.pick(ROUTES), body, { timeoutMs: REQUEST_TIMEOUT_MS })
      this.counts.answered++
      if (Buffer.compare(answer, body) !== 0) this.#crossed(nonce, answer)
    } catch (error) {
      if (!isExpected(error)) throw error
      this.counts.failed++
      const name = error instanceof ClientError ? error.code : error.name
      answers = name !== 'REQUEST_TIMEOUT'
      this.counts.errors.set(name, (this.counts.errors.get(name) ?? 0) + 1)
    }
    for (const { count, latch } of this.#waiting) if (this.settled >= count) latch.open()
    return answers
  }

  #crossed(nonce: Buffer, answer: Uint8Array): void {
    const got = Buffer.from(answer.subarray(0, NONCE_BYTES)).toString('hex')
    this.violations.push(`the request with nonce ${nonce.toString('hex')} got an answer that begins with ${got}`)
  }
}

function isExpected(error: unknown): error is ClientError | ShardwireError {
  return error instanceof ClientError || error instanceof ShardwireError
}
