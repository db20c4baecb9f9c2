/**
 * Owns the moment at which each frame of an open loop is offered to its connection: one wheel for all connections of a
 * process, turned by timers or by spinning, never a timer for a connection or a frame.
 * Must not know: sockets, answers, phases.
 * Invariant: a frame is offered to the connection that the plan gives it, and to no other, at the first tick at or
 * after its due moment: one that stalls keeps its frames waiting instead of passing them to one that is well.
 *
 * A timer may be a millisecond late, and the loop sleeps until then; spinning costs a core and is late by microseconds.
 */
import type { CancelTimer } from '@shardwire/protocol'

import { eachTurn, nowUs } from '../../clock.ts'
import type { OpenPlan } from '../../messages.ts'
import { Random } from '../../random.ts'
import type { LoadConnection } from '../load-connection.ts'
import type { LoadShared } from '../load-shared.ts'
import { Schedule } from './schedule.ts'

const US_PER_MS = 1000
const TIMER_MS_MIN = 1
/** Further ahead of the next due moment than this, a timer, which may be a millisecond late, waits in its place. */
const SPIN_AHEAD_US = 1500
/** Keeps the two random sequences of one seed apart. */
const ASSIGN_SEED = 0x5bd1e995

export class Pacer {
  /** Time spent looking for something to do, and finding nothing. */
  spinUs = 0
  readonly #shared: LoadShared
  readonly #connections: readonly LoadConnection[]
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #isPoisson: boolean
  readonly #spins: boolean
  /** Connections that were offered something in this tick. */
  readonly #touched: Int32Array
  readonly #isTouched: Uint8Array
  #touchedCount = 0
  #turn = 0
  #startUs = 0
  #tickUs = 0
  #reads = 0
  #cancel: CancelTimer = () => {}

  constructor(shared: LoadShared, connections: readonly LoadConnection[], plan: OpenPlan) {
    const { seed } = shared.plan
    this.#shared = shared
    this.#connections = connections
    this.#schedule = new Schedule(plan, new Random(seed))
    this.#random = new Random(seed ^ ASSIGN_SEED)
    this.#isPoisson = plan.arrivals === 'poisson'
    this.#spins = plan.pacing === 'spin'
    this.#touched = new Int32Array(connections.length)
    this.#isTouched = new Uint8Array(connections.length)
  }

  /** Whether the last frame of the plan was offered. */
  get isOver(): boolean {
    return this.#schedule.isOver
  }

  start(startUs: number): void {
    this.#startUs = this.#tickUs = startUs
    this.#tick()
    this.#arm()
  }

  stop(): void {
    this.#cancel()
  }

  /** What is due and was not offered yet: it never will be. Calls `use` with the due moment of each. */
  eachLeft(untilUs: number, use: (dueUs: number) => void): void {
    for (; this.#startUs + this.#schedule.nextUs <= untilUs; this.#schedule.advance()) {
      use(this.#startUs + this.#schedule.nextUs)
    }
  }

  #arm(): void {
    if (this.#schedule.isOver) return
    const aheadUs = this.#startUs + this.#schedule.nextUs - nowUs(this.#shared.clock)
    if (this.#spins && aheadUs < SPIN_AHEAD_US) {
      this.#tickUs = nowUs(this.#shared.clock)
      this.#reads = this.#shared.reads
      this.#cancel = eachTurn(() => this.#spin())
      return
    }
    const restMs = (this.#spins ? aheadUs - SPIN_AHEAD_US : aheadUs) / US_PER_MS
    this.#cancel = this.#shared.clock.after(Math.max(TIMER_MS_MIN, Math.floor(restMs)), () => {
      this.#tick()
      this.#arm()
    })
  }

  #spin(): void {
    const beforeUs = this.#tickUs
    const reads = this.#reads
    this.#reads = this.#shared.reads
    const offered = this.#tick()
    if (offered === 0 && reads === this.#reads) this.spinUs += this.#tickUs - beforeUs
    const nextUs = this.#startUs + this.#schedule.nextUs
    if (nextUs - this.#tickUs < SPIN_AHEAD_US) return
    this.#cancel()
    this.#arm()
  }

  /** Offers all that is due. @returns how many frames */
  #tick(): number {
    const atUs = nowUs(this.#shared.clock)
    this.#tickUs = atUs
    const schedule = this.#schedule
    let offered = 0
    for (; this.#startUs + schedule.nextUs <= atUs; schedule.advance()) {
      this.#offer(this.#startUs + schedule.nextUs, atUs)
      offered++
    }
    for (let index = 0; index < this.#touchedCount; index++) {
      const touched = this.#touched[index] as number
      this.#isTouched[touched] = 0
      this.#connections[touched]?.sendWaiting(false)
    }
    this.#touchedCount = 0
    return offered
  }

  #offer(dueUs: number, atUs: number): void {
    const shared = this.#shared
    const { samples, waiting } = shared
    const count = this.#connections.length
    const index = this.#isPoisson ? Math.floor(this.#random.next() * count) : this.#turn
    this.#turn = this.#turn + 1 === count ? 0 : this.#turn + 1
    shared.due++
    const isMeasured = samples.isMeasured(dueUs)
    if (isMeasured) samples.due++
    const isUp = this.#connections[index]?.up === true
    if (!isUp || !waiting.push(index, dueUs, atUs, shared.nextForm())) {
      if (isMeasured) samples.dropped++
      return
    }
    if (this.#isTouched[index] === 1) return
    this.#isTouched[index] = 1
    this.#touched[this.#touchedCount++] = index
  }
}
