/**
 * Owns the idle connections of one process: opening and closing them to a number, and answering PINGs.
 * Must not know: the channel to the coordinator (`emit` is handed in), what is measured beside it, how all are asked.
 * Invariant: at most `connectingMax` connects are under way; one order is obeyed at a time, and every order is
 * answered. A connection that ends without being told to is counted with its reason.
 */
import { allocateMemory } from '@shardwire/protocol'
import type { CancelTimer, Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import { downEarly } from '../load/dialer.ts'
import type { ConnectFailure } from '../messages.ts'
import type { Dial } from '../socket/wire.ts'
import { ASKED, DOWN, HeldConnection, LEAVING, UP } from './held-connection.ts'
import type { HeldEvents } from './held-connection.ts'
import { holdCodec } from './hold-codec.ts'
import type { HoldCodec, HoldCodecEvents } from './hold-codec.ts'
import type { HolderMemory, HolderMessage, HolderOrder, HoldPlan, HoldReport } from './hold-messages.ts'
import { Sweep } from './sweep.ts'

const REPORT_MS = 1000
/** How often a bounded rate of connects goes on. */
const DIAL_MS = 10
/** Without any connect coming through for so long, the rest is not waited for: the kernel tries again for 31 s. */
const STALL_MS = 40_000
/** Of the first question, in the place of a sweep's number. */
const FIRST_QUESTION = 0xffff_ffff
/** Connect times kept for one report. */
const CONNECT_TIMES_MAX = 4096
/** Longest beginning of a message that is kept. */
const BEGUN_BYTES_MAX = 131_072
const SLAB_BYTES = 65_536

export interface HoldRunnerParts {
  readonly clock: Clock
  readonly emit: (message: HolderMessage) => void
  readonly openDial: (slab: Uint8Array) => Dial
  readonly memory: () => HolderMemory
}

export class HoldRunner implements HeldEvents, HoldCodecEvents {
  readonly #plan: HoldPlan
  readonly #clock: Clock
  readonly #emit: (message: HolderMessage) => void
  readonly #memory: () => HolderMemory
  readonly #slab = allocateMemory(SLAB_BYTES)
  readonly #dial: Dial
  readonly #codec: HoldCodec
  /** In the order in which they were opened; those that went are taken out from the end only. */
  readonly #connections: HeldConnection[] = []
  readonly #lostBy: Record<string, number> = {}
  #connectUs: number[] = []
  #up = 0
  #connecting = 0
  #leaving = 0
  #lost = 0
  #pings = 0
  #answered = 0
  #goal = 0
  #perSecond: number | null = null
  #dialedSince = 0
  #dialFromMs = 0
  #isResizing = false
  #reading: HeldConnection | null = null
  #sweep: Sweep | null = null
  #sweeps = 0
  #cancelDial: CancelTimer = () => {}
  #cancelStall: CancelTimer = () => {}

  constructor(plan: HoldPlan, { clock, emit, openDial, memory }: HoldRunnerParts) {
    this.#plan = plan
    this.#clock = clock
    this.#emit = emit
    this.#memory = memory
    this.#dial = openDial(this.#slab)
    this.#codec = holdCodec(plan, this)
    clock.every(REPORT_MS, () => emit({ type: 'held', report: this.#report() }))
  }

  obey(order: Exclude<HolderOrder, { type: 'prepare' }>): void {
    if (order.type === 'resize') this.#resize(order.connections, order.perSecond)
    else if (order.type === 'sweep') this.#beginSweep()
    else this.#emit({ type: 'reported', report: this.#report() })
  }

  onHeldUp(connection: HeldConnection): void {
    if (this.#connectUs.length < CONNECT_TIMES_MAX) {
      this.#connectUs.push(Math.round(nowUs(this.#clock) - connection.sinceUs))
    }
    if (!this.#plan.asksFirst) return this.#isUp(connection)
    connection.state = ASKED
    connection.sweep = FIRST_QUESTION
    connection.wire?.write(this.#question(connection))
  }

  #isUp(connection: HeldConnection): void {
    connection.state = UP
    connection.sweep = 0
    this.#connecting--
    this.#up++
    this.#watch()
    this.#goOn()
  }

  onHeldRead(connection: HeldConnection, bytes: number): void {
    const begun = connection.begun
    const memory = begun === null ? this.#slab : Buffer.concat([begun, this.#slab.subarray(0, bytes)])
    const end = begun === null ? bytes : memory.length
    this.#reading = connection
    const at = this.#codec.take(connection, this.#numberOf(connection), connection.sweep, memory, 0, end)
    this.#reading = null
    if (connection.brokenCode !== 0 || end - at > BEGUN_BYTES_MAX) return this.#drop(connection, 'BROKEN')
    if (connection.state === LEAVING) return
    connection.begun = at === end ? null : Uint8Array.from(memory.subarray(at, end))
  }

  onHeldDown(connection: HeldConnection, code: string | null): void {
    const { state } = connection
    connection.state = DOWN
    connection.begun = null
    if (state === LEAVING) {
      this.#leaving--
      this.#watch()
    } else if (state === UP) this.#gone(connection, code ?? 'CLOSED')
    else {
      this.#connecting--
      return this.#fail(downEarly(code, this.#up))
    }
    this.#goOn()
  }

  onPing(pong: Uint8Array): void {
    this.#pings++
    this.#reading?.wire?.write(pong)
  }

  onAnswer(isRight: boolean): void {
    const sweep = this.#sweep
    const connection = this.#reading
    if (connection?.state === ASKED) return isRight ? this.#isUp(connection) : this.#drop(connection, 'WRONG_ANSWER')
    if (sweep === null || connection === null || connection.sweep !== sweep.number) return
    this.#answered++
    sweep.answered(connection, isRight)
  }

  #numberOf(connection: HeldConnection): number {
    return this.#plan.connectionFirst + connection.index
  }

  #gone(connection: HeldConnection, code: string): void {
    this.#up--
    this.#lost++
    this.#lostBy[code] = (this.#lostBy[code] ?? 0) + 1
    // It will not answer any more: the sweep need not wait for it.
    if (connection.sweep !== 0) this.#sweep?.lost()
  }

  /** Ends a connection by our own decision, and counts it as lost, or as one that could not be opened. */
  #drop(connection: HeldConnection, code: string): void {
    const { state } = connection
    if (state !== UP && state !== ASKED) return
    if (state === UP) this.#gone(connection, code)
    else this.#connecting--
    connection.state = LEAVING
    this.#leaving++
    connection.wire?.reset()
    if (state === ASKED) this.#fail({ code, message: 'the first answer was not the bytes sent', connected: this.#up })
  }

  /** What a connection is asked, in bytes of its own: what the kernel does not take at once must stand still. */
  #question(connection: HeldConnection): Uint8Array {
    return Uint8Array.from(this.#codec.ask(this.#numberOf(connection), connection.sweep))
  }

  #resize(connections: number, perSecond: number | null): void {
    this.#goal = Math.min(connections, this.#plan.connectionsMax)
    this.#perSecond = perSecond
    this.#dialFromMs = this.#clock.nowMs()
    this.#dialedSince = 0
    this.#isResizing = true
    while (this.#connections.length > this.#goal) this.#leave()
    this.#watch()
    this.#goOn()
  }

  #leave(): void {
    const connection = this.#connections.pop()
    if (connection === undefined || connection.state === DOWN || connection.state === LEAVING) return
    if (connection.state === UP) this.#up--
    else this.#connecting--
    connection.state = LEAVING
    this.#leaving++
    connection.wire?.close()
  }

  /** Opens what is missing, as fast as it may; says so when all is there. */
  #goOn(): void {
    if (!this.#isResizing) return
    this.#cancelDial()
    const allowed = this.#allowed()
    while (this.#connections.length < this.#goal && this.#connecting < this.#plan.connectingMax) {
      if (this.#dialedSince >= allowed) {
        this.#cancelDial = this.#clock.after(DIAL_MS, () => this.#goOn())
        return
      }
      this.#open()
    }
    if (this.#connections.length >= this.#goal && this.#connecting === 0 && this.#leaving === 0) this.#resized(null)
  }

  /** Connects that may have been begun by now. */
  #allowed(): number {
    const perSecond = this.#perSecond
    return perSecond === null ? Infinity : ((this.#clock.nowMs() - this.#dialFromMs) * perSecond) / 1000 + 1
  }

  #open(): void {
    const { hosts, port, localAddress } = this.#plan.route
    const connection = new HeldConnection(this.#connections.length, nowUs(this.#clock), this)
    this.#connections.push(connection)
    this.#connecting++
    this.#dialedSince++
    const host = hosts[this.#numberOf(connection) % hosts.length] ?? ''
    connection.wire = this.#dial.dial({ host, port, localAddress }, connection)
  }

  #watch(): void {
    this.#cancelStall()
    if (!this.#isResizing) return
    this.#cancelStall = this.#clock.after(STALL_MS, () => {
      const message = `no connect came through for ${STALL_MS / 1000} s`
      this.#fail({ code: 'CONNECT_STALLED', message, connected: this.#up })
    })
  }

  #fail(failure: ConnectFailure): void {
    if (this.#isResizing) this.#resized(failure)
  }

  #resized(failure: ConnectFailure | null): void {
    this.#isResizing = false
    this.#cancelStall()
    this.#cancelDial()
    this.#emit({ type: 'resized', failure, report: this.#report() })
  }

  #beginSweep(): void {
    const sweep = new Sweep(++this.#sweeps, this.#connections, {
      clock: this.#clock,
      askedMax: this.#plan.askedMax,
      ask: (connection) => connection.wire?.write(this.#question(connection)),
      onEnd: (report) => {
        this.#sweep = null
        this.#emit({ type: 'swept', sweep: report })
      },
    })
    this.#sweep = sweep
    sweep.goOn()
  }

  #report(): HoldReport {
    const connectUs = this.#connectUs
    this.#connectUs = []
    return {
      up: this.#up,
      connecting: this.#connecting,
      lost: this.#lost,
      lostBy: { ...this.#lostBy },
      pings: this.#pings,
      answered: this.#answered,
      connectUs,
      memory: this.#memory(),
    }
  }
}
