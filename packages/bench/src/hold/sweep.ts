/**
 * Owns one sweep over the connections of a process: each that is up is asked once, so many at a time, and its answer
 * timed.
 * Must not know: how a question looks, how connections come and go.
 * Invariant: it ends exactly once: when all were asked and have answered or gone, or when nobody answers any more.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import { type HeldConnection, UP } from './held-connection.ts'
import type { SweepReport } from './hold-messages.ts'

/** A sweep to which nobody has answered any more for so long is over. */
const SILENT_MS = 20_000
/** How often it is looked whether anybody has. */
const LOOK_MS = 1000

export interface SweepParts {
  readonly clock: Clock
  /** Questions without an answer at any time. */
  readonly askedMax: number
  readonly ask: (connection: HeldConnection) => void
  readonly onEnd: (report: SweepReport) => void
}

export class Sweep {
  /** From 1; what a connection carries while it owes an answer. */
  readonly number: number
  readonly #connections: readonly HeldConnection[]
  readonly #parts: SweepParts
  readonly #answerUs: number[] = []
  readonly #cancel: CancelTimer
  #next = 0
  #asked = 0
  /** Answered, or gone. */
  #settled = 0
  #alive = 0
  #wrong = 0
  /** Settled at the last look, and when that number was another. */
  #heard = 0
  #heardMs: number
  #isOver = false

  /** @param connections in the order in which they were opened; may grow and shrink at the end meanwhile */
  constructor(number: number, connections: readonly HeldConnection[], parts: SweepParts) {
    this.number = number
    this.#connections = connections
    this.#parts = parts
    this.#heardMs = parts.clock.nowMs()
    this.#cancel = parts.clock.every(LOOK_MS, () => this.#look())
  }

  /** Asks as many as may be asked at once; ends when all were and have answered. */
  goOn(): void {
    const { clock, askedMax, ask } = this.#parts
    while (this.#next < this.#connections.length && this.#asked - this.#settled < askedMax) {
      const connection = this.#connections[this.#next++]
      if (connection?.state !== UP) continue
      connection.sweep = this.number
      connection.sinceUs = nowUs(clock)
      this.#asked++
      ask(connection)
    }
    if (this.#next >= this.#connections.length && this.#settled >= this.#asked) this.#end()
  }

  /** One that was asked by this sweep has answered. */
  answered(connection: HeldConnection, isRight: boolean): void {
    connection.sweep = 0
    if (isRight) this.#alive++
    else this.#wrong++
    this.#answerUs.push(Math.round(nowUs(this.#parts.clock) - connection.sinceUs))
    this.#settle()
  }

  /** One that was asked has gone: it need not be waited for. */
  lost(): void {
    this.#settle()
  }

  #settle(): void {
    this.#settled++
    this.goOn()
  }

  #look(): void {
    const nowMs = this.#parts.clock.nowMs()
    if (this.#settled > this.#heard) {
      this.#heard = this.#settled
      this.#heardMs = nowMs
    } else if (nowMs - this.#heardMs >= SILENT_MS) this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancel()
    for (const connection of this.#connections) if (connection.state === UP) connection.sweep = 0
    const [asked, alive, wrong, answerUs] = [this.#asked, this.#alive, this.#wrong, this.#answerUs]
    this.#parts.onEnd({ asked, alive, wrong, answerUs })
  }
}
