/**
 * Owns bringing all connections of a load process up, a bounded number of connects at a time.
 * Must not know: the load, other processes.
 * Invariant: at most `connectingMax` connects are under way; it ends exactly once, with all of them up or with the
 * first failure. While connecting no connection may go: a server that closes one then refuses it.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import { getSystemErrorMap } from 'node:util'

import type { ConnectFailure } from '../messages.ts'
import type { Dial } from '../socket/wire.ts'
import type { ConnectionEvents, LoadConnection } from './load-connection.ts'

/** Without any connect coming through for so long, the rest is not waited for. */
export const CONNECT_STALL_MS = 10_000
/** A report of progress for so many connections that are up, or after so long if one came up since. */
const REPORT_EVERY = 256
const REPORT_MS = 1000

export interface DialerEvents {
  onProgress(connected: number): void
  onAllUp(): void
  onFailure(failure: ConnectFailure): void
  /** A connection ended after all were up. */
  onDown(connection: LoadConnection, code: string | null): void
}

export class Dialer implements ConnectionEvents {
  readonly #connections: readonly LoadConnection[]
  readonly #dial: Dial
  readonly #connectingMax: number
  readonly #clock: Clock
  readonly #events: DialerEvents
  #cancelStall: CancelTimer = () => {}
  #dialed = 0
  #connected = 0
  #reportedMs = 0
  #ended = false

  constructor(
    connections: readonly LoadConnection[],
    dial: Dial,
    connectingMax: number,
    clock: Clock,
    events: DialerEvents,
  ) {
    this.#connections = connections
    this.#dial = dial
    this.#connectingMax = connectingMax
    this.#clock = clock
    this.#events = events
  }

  start(): void {
    this.#reportedMs = this.#clock.nowMs()
    this.#watch()
    this.#dialMore()
  }

  /** Gives up on what is not up yet. */
  stop(): void {
    this.#ended = true
    this.#cancelStall()
  }

  onUp(): void {
    this.#connected++
    if (this.#ended) return
    this.#watch()
    this.#report()
    if (this.#connected === this.#connections.length) {
      this.stop()
      this.#events.onAllUp()
    } else this.#dialMore()
  }

  onDown(connection: LoadConnection, code: string | null): void {
    if (this.#connected === this.#connections.length) return this.#events.onDown(connection, code)
    this.#fail(downEarly(code, this.#connected))
  }

  #dialMore(): void {
    while (this.#dialed < this.#connections.length && this.#dialed - this.#connected < this.#connectingMax) {
      this.#connections[this.#dialed++]?.dial(this.#dial, this)
    }
  }

  #report(): void {
    const nowMs = this.#clock.nowMs()
    if (this.#connected % REPORT_EVERY !== 0 && nowMs - this.#reportedMs < REPORT_MS) return
    this.#reportedMs = nowMs
    this.#events.onProgress(this.#connected)
  }

  #watch(): void {
    this.#cancelStall()
    this.#cancelStall = this.#clock.after(CONNECT_STALL_MS, () => {
      const message = `no connect came through for ${CONNECT_STALL_MS / 1000} s`
      this.#fail({ code: 'CONNECT_STALLED', message, connected: this.#connected })
    })
  }

  #fail(failure: ConnectFailure): void {
    if (this.#ended) return
    this.stop()
    this.#events.onFailure(failure)
  }
}

/** A connection that never came up, or ended before the load began. */
export function downEarly(code: string | null, connected: number): ConnectFailure {
  if (code === null) return { code: 'CLOSED_EARLY', message: 'closed by the server', connected }
  return { code, message: messageOf(code), connected }
}

/** What the system says to one of its codes. */
function messageOf(code: string): string {
  const row = [...getSystemErrorMap().values()].find(([name]) => name === code)
  return row === undefined ? code : `${code}: ${row[1]}`
}
