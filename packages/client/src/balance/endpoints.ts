/**
 * Owns which address a request goes to, and the wait while none can take it.
 * Must not know: what is asked, whether it is repeated.
 * Invariant: an address gets a request only where it has a connection that takes one and its breaker lets it through.
 * Whoever waits goes on as soon as one does, and fails as soon as none can any more.
 */
import type { Clock } from '@shardwire/protocol'
import { briefly, ClientError } from '../client-error.ts'
import type { ClientState } from '../client-status.ts'
import { Waiters } from '../pool/waiters.ts'
import type { Random } from '../random.ts'
import type { Endpoint } from './endpoint.ts'
import { strategyOf } from './strategies.ts'
import type { BalanceName, Strategy } from './strategies.ts'

export interface EndpointsOptions {
  readonly balance: BalanceName
  /** At most this share of the addresses, but at least one, has its requests moved to the others by its breaker. */
  readonly ejectedShareMax: number
  readonly waitersMax: number
  readonly clock: Clock
  readonly random: Random
}

export class Endpoints {
  readonly #list: readonly Endpoint[]
  readonly #options: EndpointsOptions
  readonly #strategy: Strategy
  readonly #only: Endpoint | undefined
  readonly #ejectedMax: number
  readonly #waiters: Waiters<void>
  /** Used again for each choice. */
  readonly #candidates: Endpoint[] = []

  constructor(list: readonly Endpoint[], options: EndpointsOptions) {
    const { balance, clock, ejectedShareMax, random, waitersMax } = options
    this.#list = list
    this.#only = list.length === 1 ? list[0] : undefined
    this.#options = options
    this.#strategy = strategyOf(balance, random)
    this.#ejectedMax = Math.max(1, Math.ceil(list.length * ejectedShareMax))
    this.#waiters = new Waiters({
      clock,
      waitersMax,
      errors: {
        full: (count) => new ClientError('TOO_MANY_WAITING', `${count} calls wait for a connection to ${this.#names}`),
        expired: (timeoutMs) => this.#noConnection(`within ${Math.round(timeoutMs)} ms`),
        aborted: (cause) => new ClientError('ABORTED', 'aborted while waiting for a connection', { cause }),
      },
    })
  }

  get list(): readonly Endpoint[] {
    return this.#list
  }

  /** The one address, where there is one: nobody need choose. */
  get only(): Endpoint | undefined {
    return this.#only
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#waiters.size
  }

  get hasReady(): boolean {
    return this.#list.some(isReady)
  }

  get state(): ClientState {
    const states = this.#list.map(({ state }) => state)
    if (states.includes('connected')) return 'connected'
    if (states.some((state) => state === 'connecting' || state === 'waiting' || state === 'suspect'))
      return 'connecting'
    if (states.includes('idle')) return 'idle'
    return states.includes('closed') ? 'closed' : 'failed'
  }

  /**
   * The address for the next request.
   * @param isAnswered its result will tell how the server is, so it may be the one that half-open lets through
   * @returns undefined where none has a connection, which is seen to; `wait` then
   * Throws a ClientError BREAKER_OPEN, or NO_CONNECTION where none can come.
   */
  pick(isAnswered: boolean): Endpoint | undefined {
    const candidates = this.#candidates
    candidates.length = 0
    let open = 0
    for (const endpoint of this.#list) {
      if (!endpoint.isReady) continue
      if (endpoint.breaker.state === 'closed') candidates.push(endpoint)
      else if (isAnswered && endpoint.breaker.isProbeDue) return endpoint
      else open++
    }
    if (candidates.length === 0) return this.#seeToIt(open)
    const excess = open - this.#ejectedMax
    // The load of those beyond the bound is not moved: the others might be next.
    if (excess > 0 && this.#options.random() * (candidates.length + excess) < excess) throw this.#breakerOpen()
    return candidates.length === 1 ? candidates[0] : this.#strategy(candidates)
  }

  /** Waits until one may be ready. Rejects with a ClientError: NO_CONNECTION, TOO_MANY_WAITING, ABORTED. */
  async wait(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#waiters.wait({ timeoutMs: deadlineMs - this.#options.clock.nowMs(), signal })
  }

  /** To be called when an address has changed. */
  onChange(): void {
    if (this.#waiters.size === 0) return
    if (this.hasReady) {
      this.#waiters.handAll()
      return
    }
    // One whose connection went while it was given out; what was given up has had its round.
    for (const endpoint of this.#list) if (endpoint.state === 'idle') endpoint.want()
    if (!this.#list.some(isOnItsWay)) this.#waiters.failAll(this.#noConnection('and none to come'))
  }

  /** Whoever waits fails. */
  failAll(error: ClientError): void {
    this.#waiters.failAll(error)
  }

  /** Nobody takes a request. @param open breakers that hold one back though there is a connection */
  #seeToIt(open: number): undefined {
    for (const endpoint of this.#list) if (!endpoint.isReady) endpoint.want()
    if (this.#list.some(isOnItsWay)) return undefined
    throw open > 0 ? this.#breakerOpen() : this.#noConnection('and none to come')
  }

  #breakerOpen(): ClientError {
    const open = this.#list.filter(({ breaker }) => breaker.state !== 'closed')
    const retryAfterMs = Math.ceil(Math.min(...open.map(({ breaker }) => breaker.retryAfterMs)))
    const names = open.map(({ address }) => address).join(', ')
    const text = `requests to ${names} failed too often; the next is let through in ${retryAfterMs} ms`
    return new ClientError('BREAKER_OPEN', text, { retryAfterMs })
  }

  #noConnection(when: string): ClientError {
    const [first] = this.#list.map(({ error }) => error).filter((error) => error !== undefined)
    const states = this.#list.map(({ address, state, error }) => {
      return error === undefined ? `${address} is ${state}` : `${address} is ${state} after: ${briefly(error)}`
    })
    return new ClientError('NO_CONNECTION', `no connection ${when}: ${states.join('; ')}`, { cause: first })
  }

  /** What a call is told that cannot wait. */
  noConnectionNow(): ClientError {
    return this.#noConnection('at this moment')
  }

  get #names(): string {
    return this.#list.map(({ address }) => address).join(', ')
  }
}

function isReady(endpoint: Endpoint): boolean {
  return endpoint.isReady
}

function isOnItsWay(endpoint: Endpoint): boolean {
  return endpoint.isOnItsWay
}
