/**
 * Owns the race of several addresses for one connection, by RFC 8305: an attempt starts `attemptDelayMs` after the one
 * before, or as soon as that failed; families take turns, IPv6 first; whoever is connected first wins.
 * Must not know: names, what the socket is used for.
 * Invariant: a later attempt ends no earlier one. When it is over, by a winner, by the last failure or by `stop`, every
 * socket but the winner's is destroyed, and no timer or listener is left.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { Socket } from 'node:net'
import type { DialTry } from '../client-error.ts'
import type { AddressFamily } from '../resolve/resolver.ts'

export interface RaceOptions {
  /** Begins to connect to an address. */
  readonly open: (address: string, family: AddressFamily) => Socket
  readonly attemptDelayMs: number
  readonly clock: Clock
}

export interface RaceListener {
  /** In the very turn in which it is connected. */
  onWon(socket: Socket, address: string): void
  /** An address did not take the connection. */
  onTryFailed(tried: DialTry): void
  /** None did, and none is left. */
  onLost(lastError: Error): void
}

/** A name with more addresses than this is somebody's mistake, or attack. */
const ADDRESSES_MAX = 32

class Runner {
  readonly address: string
  readonly socket: Socket
  readonly startedAtMs: number
  readonly onConnect: () => void
  readonly onError: (error: Error) => void

  constructor(race: Race, address: string, socket: Socket, startedAtMs: number) {
    this.address = address
    this.socket = socket
    this.startedAtMs = startedAtMs
    this.onConnect = () => {
      race.won(this)
    }
    this.onError = (error) => {
      race.failed(this, error)
    }
    socket.once('connect', this.onConnect).once('error', this.onError)
  }

  release(): void {
    this.socket.off('connect', this.onConnect).off('error', this.onError)
  }

  /** What a socket that is being destroyed may still say concerns nobody. */
  end(): void {
    this.release()
    this.socket.on('error', ignore).destroy()
  }
}

export class Race {
  readonly #options: RaceOptions
  readonly #listener: RaceListener
  readonly #waiting: { readonly [Family in AddressFamily]: string[] } = { 4: [], 6: [] }
  readonly #known = new Set<string>()
  readonly #running = new Set<Runner>()
  #lastFamily: AddressFamily = 4
  #cancelTimer: CancelTimer | undefined
  #isComplete = false
  #isOver = false
  #lastError: Error | undefined

  constructor(options: RaceOptions, listener: RaceListener) {
    this.#options = options
    this.#listener = listener
  }

  /** More addresses, best first; those that it knows already change nothing. */
  add(family: AddressFamily, addresses: readonly string[]): void {
    for (const address of addresses) {
      if (this.#known.has(address) || this.#known.size >= ADDRESSES_MAX) continue
      this.#known.add(address)
      this.#waiting[family].push(address)
    }
    if (this.#cancelTimer === undefined) this.#startNext()
  }

  /** No more addresses will come. */
  complete(): void {
    this.#isComplete = true
    this.#finishIfLost()
  }

  /** Ends it without a winner; its listener is told nothing. */
  stop(): void {
    this.#isOver = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (const runner of this.#running) runner.end()
    this.#running.clear()
  }

  /** For runners alone. */
  won(runner: Runner): void {
    this.#running.delete(runner)
    runner.release()
    this.stop()
    this.#listener.onWon(runner.socket, runner.address)
  }

  /** For runners alone. */
  failed(runner: Runner, error: Error): void {
    this.#running.delete(runner)
    runner.end()
    this.#lastError = error
    const tookMs = this.#options.clock.nowMs() - runner.startedAtMs
    this.#listener.onTryFailed({ address: runner.address, tookMs, error })
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#startNext()
    this.#finishIfLost()
  }

  #startNext(): void {
    const { open, clock, attemptDelayMs } = this.#options
    const family = this.#nextFamily()
    if (this.#isOver || family === undefined) return
    const address = this.#waiting[family].shift() as string
    this.#lastFamily = family
    this.#cancelTimer = clock.after(attemptDelayMs, () => {
      this.#cancelTimer = undefined
      this.#startNext()
    })
    this.#running.add(new Runner(this, address, open(address, family), clock.nowMs()))
  }

  /** Families take turns while both have addresses. */
  #nextFamily(): AddressFamily | undefined {
    const other = this.#lastFamily === 6 ? 4 : 6
    if (this.#waiting[other].length > 0) return other
    return this.#waiting[this.#lastFamily].length > 0 ? this.#lastFamily : undefined
  }

  #finishIfLost(): void {
    if (this.#isOver || !this.#isComplete || this.#running.size > 0 || this.#nextFamily() !== undefined) return
    this.stop()
    if (this.#lastError !== undefined) this.#listener.onLost(this.#lastError)
  }
}

function ignore(): void {
  // The race went on without it.
}
