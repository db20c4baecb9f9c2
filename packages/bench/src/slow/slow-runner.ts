/**
 * Owns slow readers: connections that ask for echoes as fast as the server takes them, and hardly read the answers.
 * Must not know: the channel to the coordinator (`emit` is handed in); what the answers say: they are thrown away.
 * Invariant: each connection reads at most `bytesPerSecond`, in pieces of the slab; one that the server ends is opened
 * anew, a second later.
 */
import { allocateMemory, encodeFrame, KIND_MESSAGE } from '@shardwire/protocol'
import type { Clock } from '@shardwire/protocol'

import { letters } from '../load/message/template.ts'
import type { Dial, Wire, WireEvents } from '../socket/wire.ts'
import type { SlowMessage, SlowPlan, SlowReport } from './slow-messages.ts'

const REPORT_MS = 1000
const TURN_MS = 50
const REDIAL_MS = 1000
/** A read takes no more than this. */
const SLAB_BYTES = 1024
/** Requests are written in pieces of about this size, so many in one turn. */
const BURST_BYTES = 65_536
const BURSTS_MAX = 16

export interface SlowRunnerParts {
  readonly clock: Clock
  readonly emit: (message: SlowMessage) => void
  readonly openDial: (slab: Uint8Array) => Dial
}

export class SlowRunner {
  readonly plan: SlowPlan
  readonly burst: Uint8Array
  up = 0
  bytesSent = 0
  bytesRead = 0
  readonly #clock: Clock
  readonly #emit: (message: SlowMessage) => void
  readonly #dial: Dial
  readonly #readers: SlowReader[] = []
  readonly #endedBy: Record<string, number> = {}
  #ended = 0
  #isStopped = false

  constructor(plan: SlowPlan, { clock, emit, openDial }: SlowRunnerParts) {
    const frame = encodeFrame({ kind: KIND_MESSAGE, route: plan.echoRoute, body: letters(plan.payloadBytes) })
    this.plan = plan
    this.burst = Buffer.concat(new Array<Uint8Array>(Math.max(1, Math.floor(BURST_BYTES / frame.length))).fill(frame))
    this.#clock = clock
    this.#emit = emit
    this.#dial = openDial(allocateMemory(SLAB_BYTES))
    for (let index = 0; index < plan.connections; index++) this.#open()
    clock.every(TURN_MS, () => this.#turn())
    clock.every(REPORT_MS, () => this.#emit({ type: 'slow', report: this.#report() }))
  }

  stop(): void {
    this.#isStopped = true
    // Before they end: how many were up is told of the end of the load. One that is reset may be gone at once.
    const report = this.#report()
    for (const reader of [...this.#readers]) reader.wire?.reset()
    this.#emit({ type: 'stopped', report })
  }

  gone(reader: SlowReader, code: string | null): void {
    this.#readers.splice(this.#readers.indexOf(reader), 1)
    if (this.#isStopped) return
    this.#ended++
    const name = code ?? 'CLOSED'
    this.#endedBy[name] = (this.#endedBy[name] ?? 0) + 1
    this.#clock.after(REDIAL_MS, () => this.#open())
  }

  #open(): void {
    if (this.#isStopped) return
    const { hosts, port, localAddress } = this.plan.route
    const reader = new SlowReader(this)
    const host = hosts[this.#readers.length % hosts.length] ?? ''
    this.#readers.push(reader)
    reader.wire = this.#dial.dial({ host, port, localAddress }, reader)
  }

  /** Lets each reader read as much as has become its due. */
  #turn(): void {
    for (const reader of this.#readers) reader.allow((this.plan.bytesPerSecond * TURN_MS) / 1000)
  }

  #report(): SlowReport {
    const { up, bytesSent, bytesRead } = this
    return { up, bytesSent, bytesRead, ended: this.#ended, endedBy: { ...this.#endedBy } }
  }
}

class SlowReader implements WireEvents {
  wire: Wire | null = null
  readonly #runner: SlowRunner
  #isUp = false
  #allowedBytes = 0
  #isFull = false

  constructor(runner: SlowRunner) {
    this.#runner = runner
  }

  /** So many more bytes may be read; what the kernel takes is written. */
  allow(bytes: number): void {
    if (!this.#isUp) return
    this.#allowedBytes = Math.min(this.#allowedBytes + bytes, SLAB_BYTES)
    if (this.#allowedBytes >= Math.min(SLAB_BYTES, this.#runner.plan.bytesPerSecond)) this.wire?.resume()
    this.#ask()
  }

  onUp(): void {
    this.#isUp = true
    this.#runner.up++
    this.wire?.pause()
    this.#ask()
  }

  onRead(bytes: number): void {
    this.#runner.bytesRead += bytes
    this.#allowedBytes -= bytes
    this.wire?.pause()
  }

  onDrained(): void {
    this.#isFull = false
  }

  /** Writes until the kernel takes no more: it, and the server, are full then. */
  #ask(): void {
    const runner = this.#runner
    for (let bursts = 0; bursts < BURSTS_MAX && !this.#isFull; bursts++) {
      runner.bytesSent += runner.burst.length
      this.#isFull = this.wire?.write(runner.burst) === false
    }
  }

  onDown(code: string | null): void {
    if (this.#isUp) this.#runner.up--
    this.#runner.gone(this, code)
  }
}
