/**
 * Owns the load of the client's chaos test: callers that ask through clients, each request with a nonce of its own.
 * Must not know: what goes wrong meanwhile, or why.
 * Invariant: a request is counted asked once and settled once; what must never happen is remembered for good.
 */
import { Latch, nextTurn, type Random, withinLimit } from '@shardwire/testkit'
import { type Client, ClientError, ShardwireError } from '../../src/index.ts'

const NONCE_BYTES = 24
const PADDING_BYTES = [0, 0, 10, 500, 5000, 40_000]
const TIMEOUTS_MS = [150, 500, 1000, 2000]
const CALLERS = 6
/** How late a request may be told that its time is up, beside what the loop of this process was late itself. */
const SLACK_MS = 150
const LOOK_INTERVAL_MS = 10
const ABORTED_PART = 0.03
const LEASED_PART = 0.05

/** What became of one request. */
export interface Fate {
  readonly isIdempotent: boolean
  /** undefined while it is not settled, and null for an answer. */
  error: ClientError | ShardwireError | null | undefined
}

export class Load {
  /** By nonce. */
  readonly fates = new Map<string, Fate>()
  readonly violations: string[] = []
  /** Failures by their code. */
  readonly errors = new Map<string, number>()
  answered = 0
  failed = 0
  /** Of those that were told late, by how much at most. */
  latestMs = 0
  readonly #clients: readonly Client[]
  readonly #random: Random
  readonly #waiting = new Set<{ readonly count: number; readonly latch: Latch }>()
  /** How late the loop of this process was at most, and when it was looked at: it may be late right now. */
  #lagMs = 0
  #lookedMs = performance.now()
  readonly #looks = setInterval(() => this.#look(), LOOK_INTERVAL_MS)
  readonly #callers: Promise<void>[]
  #isOver = false

  constructor(clients: readonly Client[], random: Random) {
    this.#clients = clients
    this.#random = random
    this.#callers = clients.flatMap((client, index) => {
      return Array.from({ length: CALLERS }, (_, caller) => this.#call(client, [index, caller]))
    })
  }

  get settled(): number {
    return this.answered + this.failed
  }

  /** Waits until `count` more requests have settled than by now. */
  async progress(count: number): Promise<void> {
    const waiting = { count: this.settled + count, latch: new Latch() }
    this.#waiting.add(waiting)
    const describe = (): string => `${this.settled} of ${waiting.count} requests settled; ${this.describe()}`
    await withinLimit(waiting.latch.promise, describe, 30_000).finally(() => this.#waiting.delete(waiting))
  }

  /** Ends the load. Settles when every request has. */
  async stop(): Promise<void> {
    this.#isOver = true
    await withinLimit(Promise.all(this.#callers), () => `the load does not end: ${this.describe()}`, 20_000)
    clearInterval(this.#looks)
    const open = [...this.fates.values()].filter(({ error }) => error === undefined).length
    if (open > 0) this.violations.push(`${open} requests never settled`)
  }

  describe(): string {
    const { answered, failed, latestMs, errors } = this
    const statuses = this.#clients.map(({ status }) => {
      const { addresses, retries, retriesRefused, waiting } = status
      return {
        retries,
        retriesRefused,
        waiting,
        addresses: addresses.map((one) => `${one.state} ${one.breaker.state}`),
      }
    })
    return JSON.stringify({ answered, failed, latestMs, errors: Object.fromEntries(errors), statuses })
  }

  async #call(client: Client, [index, caller]: readonly [number, number]): Promise<void> {
    for (let count = 0; !this.#isOver; count++) {
      if (this.#random.next() < LEASED_PART) await this.#lease(client)
      else await this.#ask(client, [index, caller, count])
      // What is refused at once takes no turn of the loop: without one nothing could ever get better.
      await nextTurn()
    }
  }

  /** Holds a connection for a moment; some callers throw while they do. */
  async #lease(client: Client): Promise<void> {
    try {
      await using lease = await client.acquire({ timeoutMs: this.#random.pick(TIMEOUTS_MS) })
      const what = this.#random.integer(0, 5)
      if (what === 0) lease.discard()
      if (what === 1) throw new ShardwireError(6, `holding ${lease.item.target}`)
    } catch (error) {
      if (!isTyped(error)) this.violations.push(`acquire failed with ${String(error)}`)
    }
  }

  async #ask(client: Client, parts: readonly [number, number, number]): Promise<void> {
    const nonce = Buffer.alloc(NONCE_BYTES)
    nonce.set(this.#random.bytes(NONCE_BYTES))
    for (const [at, part] of parts.entries()) nonce.writeUInt32BE(part, 4 + at * 4)
    const body = Buffer.concat([nonce, Buffer.alloc(this.#random.pick(PADDING_BYTES), nonce[15])])
    const isIdempotent = this.#random.next() < 0.5
    const timeoutMs = this.#random.pick(TIMEOUTS_MS)
    const fate: Fate = { isIdempotent, error: undefined }
    this.fates.set(nonce.toString('hex'), fate)
    const controller = new AbortController()
    const options = { timeoutMs, idempotent: isIdempotent, signal: controller.signal }
    const beganMs = performance.now()
    const answer = client.request(this.#random.pick([1, 2]), body, options)
    if (this.#random.next() < ABORTED_PART) setImmediate(() => controller.abort())
    try {
      const bytes = await answer
      this.answered++
      this.#settle(fate, null)
      if (Buffer.compare(bytes, body) !== 0) this.violations.push(`${nonce.toString('hex')} got another's answer`)
    } catch (error) {
      this.failed++
      if (isTyped(error)) this.#settle(fate, error)
      else this.violations.push(`a request failed with ${String(error)}`)
    }
    this.#judgeTime(performance.now() - beganMs - timeoutMs)
    for (const { count, latch } of this.#waiting) if (this.settled >= count) latch.open()
  }

  #settle(fate: Fate, error: ClientError | ShardwireError | null): void {
    if (fate.error !== undefined) this.violations.push('a request settled twice')
    fate.error = error
    if (error === null) return
    const name = error instanceof ClientError ? error.code : error.name
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1)
  }

  #look(): void {
    const nowMs = performance.now()
    this.#lagMs = Math.max(this.#lagMs, nowMs - this.#lookedMs - LOOK_INTERVAL_MS)
    this.#lookedMs = nowMs
  }

  #judgeTime(lateMs: number): void {
    this.latestMs = Math.max(this.latestMs, Math.round(lateMs))
    const lagMs = Math.max(this.#lagMs, performance.now() - this.#lookedMs)
    // Twice: it may have waited for a connection and then for its answer.
    if (lateMs > SLACK_MS + 2 * lagMs) {
      this.violations.push(`a request settled ${Math.round(lateMs)} ms late; the loop at most ${Math.round(lagMs)}`)
    }
  }
}

function isTyped(error: unknown): error is ClientError | ShardwireError {
  return error instanceof ClientError || error instanceof ShardwireError
}
