/**
 * Owns one address: its connections, when it is dialled, its breaker, its state.
 * Must not know: other addresses, what is asked, who waits.
 * Invariant: what changes is told, in the order in which it happens. A connection that nobody here had ended is
 * accounted for as lost before the address is dialled again, so that no attempt goes without its wait.
 */
import type { Goaway } from '@shardwire/protocol'
import { Breaker } from '../breaker/breaker.ts'
import type { Outcome } from '../breaker/breaker.ts'
import type { AddressState, AddressStatus, StatusEvent } from '../client-status.ts'
import type { CloseInfo, Connection, ConnectionListeners } from '../connection-api.ts'
import { ItemSet } from '../pool/item-set.ts'
import type { Entry } from '../pool/item-set.ts'
import { Reconnector } from '../reconnect/reconnector.ts'
import { fineWheelOf } from '../shared-wheel.ts'
import { attemptEvents, nameOf, statusOf } from './endpoint-events.ts'
import type { EndpointListener, EndpointOptions } from './endpoint-options.ts'

/** Timeouts in a row on one connection. */
const SILENCES_MAX = 5

export class Endpoint {
  readonly address: string
  readonly breaker: Breaker
  /** Requests that were sent here and are not answered, and leases. */
  inFlight = 0
  /** The last attempt's error, since the last success. */
  error: unknown
  readonly #options: EndpointOptions
  readonly #listener: EndpointListener
  readonly #items: ItemSet<Connection>
  readonly #reconnector: Reconnector<Connection>
  /** Connections that we close. */
  readonly #ending = new Set<Connection>()
  /** When a loss was last a failure for the breaker. */
  #lossCountedAtMs = -Infinity
  #hasFailed = false
  #failedAtMs = 0
  #isClosed = false
  #isDestroyed = false

  constructor(options: EndpointOptions, listener: EndpointListener) {
    const { address, clock, random, reconnect } = options
    this.address = address
    this.#options = options
    this.#listener = listener
    this.breaker = new Breaker({
      ...options.breaker,
      clock,
      recent: fineWheelOf(clock),
      onChange: (change) => {
        this.#tell({ type: 'breaker', address, ...change })
      },
    })
    const dial = (signal: AbortSignal, timeoutMs: number): Promise<Connection> => {
      return options.dial(this.#connectionListeners(), signal, timeoutMs)
    }
    const events = attemptEvents(
      address,
      (event) => {
        this.#tell(event)
      },
      (error) => {
        this.error = error
      },
    )
    this.#reconnector = new Reconnector({ ...reconnect, target: address, clock, random, dial, listener: events })
    this.#items = this.#createItems()
  }

  /** Whether a connection takes a request now, for all that the breaker says. */
  get isReady(): boolean {
    return this.#items.hasFree
  }

  /** Whether a connection may come without anybody asking for it. */
  get isOnItsWay(): boolean {
    return this.#items.creating > 0 || this.#items.entries.some(isSuspect)
  }

  get state(): AddressState {
    if (this.#isClosed) return 'closed'
    if (this.isReady) return 'connected'
    const { phase, isStopped } = this.#reconnector
    if (phase !== 'resting') return phase
    if (this.#items.entries.some(isSuspect)) return 'suspect'
    if (isStopped) return 'stopped'
    return this.#hasFailed ? 'failed' : 'idle'
  }

  get status(): AddressStatus {
    const { address, state, error, breaker, inFlight } = this
    const { attempt, phase, waitMs } = this.#reconnector
    const nowMs = this.#options.clock.nowMs()
    const connections = this.#items.entries.map((entry) => statusOf(entry, nowMs))
    const wait = { attempt, waitMs: phase === 'waiting' ? waitMs : 0 }
    return { address, state, error, inFlight, ...wait, breaker: breaker.status, connections }
  }

  /** Settles when it is closed, and every connection is gone. */
  get gone(): Promise<void> {
    return this.#items.gone
  }

  /** Connects as often as there are connections at least. */
  start(): void {
    this.#items.fill()
  }

  /** Begins a request or lease on the connection that has the least. @returns undefined where none is ready */
  take(): Entry<Connection> | undefined {
    const entry = this.#items.take()
    if (entry === undefined) return undefined
    this.inFlight++
    if (entry.leases > this.#options.pool.requestsPerConnection) this.#items.grow(1)
    return entry
  }

  /** Ends it. @param pass what the breaker let it through with */
  settle(entry: Entry<Connection>, pass: number, outcome: Outcome): void {
    this.inFlight--
    this.#items.give(entry)
    if (outcome === 'success') {
      entry.silences = 0
      this.breaker.settle(pass, outcome)
      return
    }
    if (outcome === 'failure' && entry.item.status === 'closed') {
      const counts = this.#isFirstOfLoss(entry)
      this.#lose(entry)
      this.breaker.settle(pass, counts ? 'failure' : 'void')
      return
    }
    this.#listenFor(entry, outcome)
    this.breaker.settle(pass, outcome)
  }

  /**
   * A connection may be alive and yet answer nothing: where a length was damaged on its way, all that follows is read
   * as one frame's payload. After so many timeouts without an answer in between it gets no new request, and is closed.
   */
  #listenFor(entry: Entry<Connection>, outcome: Outcome): void {
    if (outcome === 'silence') entry.silences++
    else if (outcome !== 'void') entry.silences = 0
    if (entry.silences < SILENCES_MAX || entry.isRetired) return
    this.#items.retire(entry)
    this.#fill()
    this.#listener.onChange()
  }

  /**
   * What is lost together is one failure: all requests of a connection, and all connections that a server had when it
   * went. Else the end of one worker would open the breaker of every client that was busy.
   */
  #isFirstOfLoss(entry: Entry<Connection>): boolean {
    if (entry.createdAtMs <= this.#lossCountedAtMs) return false
    this.#lossCountedAtMs = this.#options.clock.nowMs()
    return true
  }

  /** Ends a lease. @param isBroken it is to be closed when its last request is answered */
  giveBack(entry: Entry<Connection>, isBroken: boolean): void {
    this.inFlight--
    this.#items.give(entry)
    if (isBroken) this.#items.drop(entry)
    this.#fill()
  }

  /** Somebody waits: sees to it that a connection comes, unless the server wants none. */
  want(): void {
    for (const entry of [...this.#items.entries]) if (entry.item.status === 'closed') this.#lose(entry)
    if (!this.#reconnector.isStopped && this.#items.creating === 0) this.#items.grow(1)
  }

  /** The application says that it may be dialled, also after `never`. */
  restart(): void {
    this.#reconnector.restart()
    this.want()
  }

  /** To be called about once a second. @param othersServe another address has a connection */
  sweep(othersServe: boolean): void {
    this.#items.sweep()
    if (this.#hasFailed && othersServe && this.#hasRested()) this.want()
    this.#fill()
  }

  /** Takes nothing new; connections are closed when their last request is answered. */
  close(): void {
    this.#isClosed = true
    this.#items.close()
  }

  /** Closes now; everything in flight fails. */
  destroy(): void {
    this.#isClosed = this.#isDestroyed = true
    this.#items.destroyAll()
    for (const connection of this.#ending) connection.destroy()
  }

  /** What must not be asked for by itself: what was given up, and what the server refused. */
  #fill(): void {
    if (!this.#hasFailed && !this.#reconnector.isStopped) this.#items.fill()
  }

  /** One that was given up is tried again now and then while others serve, or it would never come back. */
  #hasRested(): boolean {
    const { clock, reconnect } = this.#options
    return this.#items.creating === 0 && clock.nowMs() - this.#failedAtMs >= reconnect.giveUpAfterMs
  }

  #createItems(): ItemSet<Connection> {
    const { pool, clock, random } = this.#options
    const options = {
      ...pool,
      // Which of several attempts waits for whom would be hard to say.
      creatingMax: 1,
      leasesMax: Infinity,
      clock,
      random,
      create: (signal: AbortSignal) => this.#reconnector.connect(signal),
      destroy: (connection: Connection) => this.#end(connection),
      isUsable: (connection: Connection) => connection.status === 'open',
    }
    return new ItemSet(options, {
      onAdded: (entry) => {
        this.#onAdded(entry)
      },
      onAvailable: () => {},
      onCreateFailed: () => {
        this.#hasFailed = true
        this.#failedAtMs = clock.nowMs()
        this.#listener.onChange()
      },
      // Neither close() nor destroy() of a connection ever fails.
      onDestroyFailed: () => {},
    })
  }

  async #end(connection: Connection): Promise<void> {
    this.#ending.add(connection)
    if (this.#isDestroyed) connection.destroy()
    await connection.close()
    this.#ending.delete(connection)
  }

  #onAdded(entry: Entry<Connection>): void {
    const { address } = this
    this.#hasFailed = false
    this.error = undefined
    void entry.item.closed.then((close) => {
      this.#onClosed(entry, close)
    })
    this.#tell({ type: 'connected', address, ...nameOf(entry.item) })
    // One after the other, so each asks for the next.
    this.#fill()
  }

  #onClosed(entry: Entry<Connection>, close: CloseInfo): void {
    const { connection } = nameOf(entry.item)
    this.#listener.onEvent({ type: 'disconnected', address: this.address, connection, close })
    this.#lose(entry)
    this.#listener.onChange()
  }

  /** A connection is gone, or as good as that. One that we ended, or the server announced, is not lost. */
  #lose(entry: Entry<Connection>): void {
    if (!this.#items.remove(entry)) return
    const livedMs = this.#options.clock.nowMs() - entry.createdAtMs
    if (entry.item.goaway === undefined) this.#reconnector.onLost(livedMs, entry.item.serverError)
    this.#fill()
  }

  #connectionListeners(): ConnectionListeners {
    const { address } = this
    return {
      onGoaway: (goaway: Goaway) => {
        this.#reconnector.onGoaway(goaway)
        this.#listener.onEvent({ type: 'goaway', address, goaway })
        this.#fill()
        this.#listener.onChange()
      },
      onSuspect: (isNow: boolean) => {
        this.#listener.onEvent({ type: isNow ? 'suspect' : 'recovered', address })
        this.#fill()
        this.#listener.onChange()
      },
    }
  }

  #tell(event: StatusEvent): void {
    this.#listener.onEvent(event)
    this.#listener.onChange()
  }
}

function isSuspect({ item }: Entry<Connection>): boolean {
  return item.status === 'suspect'
}
