/**
 * Owns connections that come and go: each is opened when it is due, asks for one echo, and is closed.
 * Must not know: the channel to the coordinator (`emit` is handed in).
 * Invariant: connections fall due by a plan, whatever becomes of those before; latencies count from the due moment. At
 * most CHURNING_MAX are under way, and none for longer than GIVE_UP_MS.
 */
import { allocateMemory } from '@shardwire/protocol'
import type { CancelTimer, Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import { holdCodec } from '../hold/hold-codec.ts'
import type { HoldCodec, HoldCodecEvents } from '../hold/hold-codec.ts'
import { LatencyRecorder } from '../load/latency-recorder.ts'
import { Schedule } from '../load/pace/schedule.ts'
import { Random } from '../random.ts'
import type { Dial, Wire, WireEvents } from '../socket/wire.ts'
import type { ChurnMessage, ChurnPlan, ChurnReport } from './churn-messages.ts'

const REPORT_MS = 1000
const CHURNING_MAX = 8192
/** A connection that is not done by then has failed. */
const GIVE_UP_MS = 10_000
const US_PER_MS = 1000
const SLAB_BYTES = 65_536
/** The one sweep, so to say, that each connection answers. */
const FIRST = 1

export interface ChurnRunnerParts {
  readonly clock: Clock
  readonly emit: (message: ChurnMessage) => void
  readonly openDial: (slab: Uint8Array) => Dial
}

export class ChurnRunner implements HoldCodecEvents {
  readonly plan: ChurnPlan
  readonly slab = allocateMemory(SLAB_BYTES)
  readonly codec: HoldCodec
  readonly #clock: Clock
  readonly #emit: (message: ChurnMessage) => void
  readonly #dial: Dial
  readonly #schedule: Schedule
  readonly #connect = new LatencyRecorder()
  readonly #firstAnswer = new LatencyRecorder()
  readonly #underWay = new Set<ChurnConnection>()
  readonly #failedBy: Record<string, number> = {}
  #due = 0
  #connected = 0
  #answered = 0
  #failed = 0
  #dropped = 0
  #number: number
  #startUs = 0
  #reading: ChurnConnection | null = null
  #isStopped = false
  #cancelTick: CancelTimer = () => {}
  #cancelReports: CancelTimer = () => {}

  constructor(plan: ChurnPlan, { clock, emit, openDial }: ChurnRunnerParts) {
    const stage = { fromPerSecond: plan.perSecond, toPerSecond: plan.perSecond }
    const stages = [{ ...stage, lengthMs: plan.warmupMs + plan.durationMs }]
    this.plan = plan
    this.#clock = clock
    this.#emit = emit
    this.#dial = openDial(this.slab)
    this.#schedule = new Schedule({ stages, arrivals: 'constant', part: 0, parts: 1 }, new Random(1))
    this.#number = plan.connectionFirst
    this.codec = holdCodec(plan, this)
  }

  start(): void {
    this.#startUs = nowUs(this.#clock)
    this.#cancelReports = this.#clock.every(REPORT_MS, () => {
      this.#giveUpOld()
      this.#emit({ type: 'churned', report: this.#report() })
    })
    this.#tick()
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#cancelTick()
    this.#cancelReports()
    for (const connection of this.#underWay) connection.end()
    this.#emit({ type: 'done', report: this.#report() })
  }

  onPing(pong: Uint8Array): void {
    this.#reading?.wire?.write(pong)
  }

  onAnswer(isRight: boolean): void {
    const connection = this.#reading
    if (connection === null) return
    if (!isRight) return this.fail(connection, 'WRONG_ANSWER')
    if (this.#isMeasured(connection.dueUs)) {
      this.#answered++
      this.#firstAnswer.record(nowUs(this.#clock) - connection.dueUs)
    }
    connection.end()
  }

  up(connection: ChurnConnection): void {
    if (this.#isMeasured(connection.dueUs)) {
      this.#connected++
      this.#connect.record(nowUs(this.#clock) - connection.dueUs)
    }
    connection.wire?.write(Uint8Array.from(this.codec.ask(connection.number, FIRST)))
  }

  read(connection: ChurnConnection, memory: Uint8Array, end: number): number {
    this.#reading = connection
    const at = this.codec.take(connection, connection.number, FIRST, memory, 0, end)
    this.#reading = null
    if (connection.brokenCode !== 0) this.fail(connection, 'BROKEN')
    return at
  }

  fail(connection: ChurnConnection, code: string): void {
    if (connection.isEnded) return
    if (this.#isMeasured(connection.dueUs)) {
      this.#failed++
      this.#failedBy[code] = (this.#failedBy[code] ?? 0) + 1
    }
    connection.end()
  }

  gone(connection: ChurnConnection, code: string | null): void {
    this.fail(connection, code ?? 'CLOSED')
    this.#underWay.delete(connection)
    this.#endIfOver()
  }

  #tick(): void {
    const atUs = nowUs(this.#clock)
    for (; this.#startUs + this.#schedule.nextUs <= atUs; this.#schedule.advance()) {
      this.#open(this.#startUs + this.#schedule.nextUs)
    }
    if (this.#schedule.isOver) return this.#endIfOver()
    const aheadMs = (this.#startUs + this.#schedule.nextUs - atUs) / US_PER_MS
    this.#cancelTick = this.#clock.after(Math.max(1, Math.floor(aheadMs)), () => this.#tick())
  }

  #open(dueUs: number): void {
    const isMeasured = this.#isMeasured(dueUs)
    if (isMeasured) this.#due++
    if (this.#underWay.size >= CHURNING_MAX) {
      if (isMeasured) this.#dropped++
      return
    }
    const { hosts, port, localAddress } = this.plan.route
    const number = this.#number++
    const connection = new ChurnConnection(this, number, dueUs)
    this.#underWay.add(connection)
    connection.wire = this.#dial.dial({ host: hosts[number % hosts.length] ?? '', port, localAddress }, connection)
  }

  #endIfOver(): void {
    if (this.#schedule.isOver && this.#underWay.size === 0) this.stop()
  }

  #giveUpOld(): void {
    const limitUs = nowUs(this.#clock) - GIVE_UP_MS * US_PER_MS
    for (const connection of this.#underWay) {
      if (connection.dueUs < limitUs) this.fail(connection, 'TIMED_OUT')
    }
  }

  #isMeasured(dueUs: number): boolean {
    return dueUs >= this.#startUs + this.plan.warmupMs * US_PER_MS
  }

  #report(): ChurnReport {
    return {
      due: this.#due,
      connected: this.#connected,
      answered: this.#answered,
      failed: this.#failed,
      failedBy: { ...this.#failedBy },
      dropped: this.#dropped,
      connect: this.#connect.take(),
      firstAnswer: this.#firstAnswer.take(),
    }
  }
}

class ChurnConnection implements WireEvents {
  brokenCode = 0
  isEnded = false
  wire: Wire | null = null
  readonly number: number
  readonly dueUs: number
  readonly #runner: ChurnRunner
  #begun: Uint8Array | null = null

  constructor(runner: ChurnRunner, number: number, dueUs: number) {
    this.#runner = runner
    this.number = number
    this.dueUs = dueUs
  }

  end(): void {
    this.isEnded = true
    if (this.#runner.plan.close === 'fin') this.wire?.close()
    else this.wire?.reset()
  }

  onUp(): void {
    this.#runner.up(this)
  }

  onRead(bytes: number): void {
    const { slab } = this.#runner
    const memory = this.#begun === null ? slab : Buffer.concat([this.#begun, slab.subarray(0, bytes)])
    const end = this.#begun === null ? bytes : memory.length
    const at = this.#runner.read(this, memory, end)
    this.#begun = at === end ? null : Uint8Array.from(memory.subarray(at, end))
  }

  onDrained(): void {}

  onDown(code: string | null): void {
    this.#runner.gone(this, code)
  }
}
