/**
 * Owns one connection under load: which answer is due, and sending what comes next.
 * Must not know: phases, other connections, codecs, how answers are counted.
 * Invariant: a slot is in flight, owed (its write waits for the kernel), or idle. Slots are written in turn; answers
 * may overtake each other where they have ids, and are then found by the sequence number, which says the slot:
 * sequence = slot + 1 + a multiple of depth. Per frame nothing is allocated.
 */
import { ID_MAX } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import type { Dial, Wire, WireEvents } from '../socket/wire.ts'
import type { AnsweredConnection, AnswerReader } from './answers/answer-reader.ts'
import { NO_SLOT } from './answers/answer-reader.ts'
import { BATCHED, NOT_IN_FLIGHT, NOT_HELD } from './load-shared.ts'
import type { LoadShared } from './load-shared.ts'
import type { MessageShape } from './message/message-shape.ts'
import type { WriteSlab } from './write-batch.ts'

export interface ConnectionEvents {
  onUp(connection: LoadConnection): void
  /** It ended, or never came up; `code` is null when the other end just closed it. */
  onDown(connection: LoadConnection, code: string | null): void
}

export class LoadConnection implements AnsweredConnection, WireEvents {
  brokenCode = 0
  readonly number: number
  readonly shared: LoadShared
  slotDue = 0
  up = false
  /** Slots that were sent, written or owed, and are not answered. */
  #outstanding = 0
  #slotNext = 0
  readonly #index: number
  readonly #first: number
  readonly #answers: AnswerReader
  readonly #owed: number[] = []
  readonly #given: WriteSlab[] = []
  #events: ConnectionEvents | null = null
  #wire: Wire | null = null
  #dialedUs = 0
  #blocked = false

  constructor(shared: LoadShared, index: number, reader: (connection: AnsweredConnection) => AnswerReader) {
    this.shared = shared
    this.number = shared.plan.connectionFirst + index
    this.#index = index
    this.#first = index * shared.plan.depth
    this.#answers = reader(this)
  }

  dial(dial: Dial, events: ConnectionEvents): void {
    const { hosts, port, localAddress } = this.shared.plan.route
    const host = hosts[this.number % hosts.length] ?? ''
    this.#events = events
    this.#dialedUs = nowUs(this.shared.clock)
    this.#wire = dial.dial({ host, port, localAddress }, this)
  }

  /** Sends the first frame of every slot of a closed loop. */
  start(): void {
    if (!this.up) return
    const { depth } = this.shared.plan
    for (let slot = 0; slot < depth; slot++) this.#send(slot)
    this.#flush()
  }

  /**
   * Sends what waits for this connection in an open loop, as far as it has room.
   * @param isHeld whether the frames waited for room, rather than for the moment that they are due
   */
  sendWaiting(isHeld: boolean): void {
    const { waiting, plan } = this.shared
    while (this.#outstanding < plan.depth && !this.#blocked && !waiting.isEmpty(this.#index)) {
      this.#sendFirstWaiting(isHeld)
    }
    this.#flush()
  }

  destroy(): void {
    this.#wire?.close()
  }

  /** Calls `use` with the due moment and class of every frame that still waits to be written, and forgets them. */
  giveUpWaiting(use: (dueUs: number, classIndex: number) => void): void {
    const { waiting, shapes } = this.shared
    for (; !waiting.isEmpty(this.#index); waiting.shift(this.#index)) {
      const shape = shapes[waiting.shape(this.#index)] as MessageShape
      use(waiting.dueUs(this.#index), shape.form.classIndex)
    }
  }

  /** Calls `use` for every slot whose message was written and not answered; not for the load path. */
  eachInFlight(use: (slot: number) => void): void {
    for (let slot = 0; slot < this.shared.plan.depth; slot++) if (this.isInFlight(slot)) use(slot)
  }

  isInFlight(slot: number): boolean {
    return (this.shared.writtenUs[this.#first + slot] as number) >= 0
  }

  sequenceOf(slot: number): number {
    return this.shared.sequences[this.#first + slot] as number
  }

  shapeOf(slot: number): MessageShape {
    return this.shared.shapes[this.shared.forms[this.#first + slot] as number] as MessageShape
  }

  dueUsOf(slot: number): number {
    return this.shared.dueUs[this.#first + slot] as number
  }

  slotOf(sequence: number): number {
    const slot = (sequence - 1) % this.shared.plan.depth
    return sequence > 0 && this.isInFlight(slot) && this.sequenceOf(slot) === sequence ? slot : NO_SLOT
  }

  answered(slot: number): void {
    const { shared } = this
    const flight = this.#first + slot
    const writtenUs = shared.writtenUs[flight] as number
    const dueUs = shared.isOpen ? (shared.dueUs[flight] as number) : writtenUs
    shared.samples.answered(dueUs, writtenUs, shared.readUs, this.shapeOf(slot).form.classIndex)
    shared.answers++
    this.failed(slot)
  }

  failed(slot: number): void {
    const { shared } = this
    shared.writtenUs[this.#first + slot] = NOT_IN_FLIGHT
    shared.inFlight--
    this.#outstanding--
    this.slotDue = slot + 1 === shared.plan.depth ? 0 : slot + 1
    if (shared.sending) this.#send(slot)
    else if (shared.isOpen && !this.#blocked && !shared.waiting.isEmpty(this.#index)) this.#sendFirstWaiting(true)
    else if (shared.inFlight === 0) shared.onQuiet()
  }

  /** Writes bytes that are no part of the load, and must stand still: nothing says when the kernel has taken them. */
  writeControl(bytes: Uint8Array): void {
    if (this.up) this.#wire?.write(bytes)
  }

  onUp(): void {
    const { connects, clock } = this.shared
    connects.record(nowUs(clock) - this.#dialedUs)
    this.up = true
    this.#events?.onUp(this)
  }

  onRead(bytes: number): void {
    const { shared } = this
    shared.readUs = nowUs(shared.clock)
    shared.bytesReceived += bytes
    shared.reads++
    this.#answers.read(bytes)
    if (this.brokenCode === 0) return this.#flush()
    shared.batch.clear()
    this.destroy()
  }

  onDrained(): void {
    const { shared } = this
    for (const slab of this.#given.splice(0)) shared.batch.takeBack(slab)
    this.#blocked = false
    const slots = this.#owed.splice(0)
    this.#forget(slots.length)
    if (shared.sending && this.up) for (const slot of slots) this.#send(slot)
    if (shared.isOpen) this.sendWaiting(true)
    this.#flush()
    if (shared.inFlight === 0) shared.onQuiet()
  }

  /** The socket is gone, and with it what was in flight. */
  onDown(code: string | null): void {
    for (const slab of this.#given.splice(0)) this.shared.batch.takeBack(slab)
    this.up = false
    this.#answers.drop()
    this.#dropWaiting()
    this.#forget(this.#outstanding)
    this.shared.writtenUs.fill(NOT_IN_FLIGHT, this.#first, this.#first + this.shared.plan.depth)
    this.#events?.onDown(this, code)
  }

  /** The next frame of a slot of a closed loop. */
  #send(slot: number): void {
    const { shared } = this
    shared.inFlight++
    this.#outstanding++
    if (this.#blocked) this.#owed.push(slot)
    else this.#add(slot, shared.nextForm())
  }

  #sendFirstWaiting(isHeld: boolean): void {
    const { shared } = this
    const { waiting } = shared
    const slot = this.#freeSlot()
    const form = waiting.shape(this.#index)
    shared.dueUs[this.#first + slot] = waiting.dueUs(this.#index)
    shared.seenUs[this.#first + slot] = isHeld ? waiting.seenUs(this.#index) : NOT_HELD
    waiting.shift(this.#index)
    shared.inFlight++
    this.#outstanding++
    this.#add(slot, form)
  }

  /** The next one in turn, unless answers overtook each other. */
  #freeSlot(): number {
    const { depth } = this.shared.plan
    let slot = this.#slotNext
    while (this.shared.writtenUs[this.#first + slot] !== NOT_IN_FLIGHT) slot = slot + 1 === depth ? 0 : slot + 1
    this.#slotNext = slot + 1 === depth ? 0 : slot + 1
    // In a connection that was empty this is the answer that comes next.
    if (this.#outstanding === 0) this.slotDue = slot
    return slot
  }

  #add(slot: number, form: number): void {
    const { shared } = this
    const { batch, plan } = shared
    const flight = this.#first + slot
    if (!batch.hasRoom(form)) this.#flush()
    const last = shared.sequences[flight] as number
    const next = last === 0 ? slot + 1 : last + plan.depth
    const sequence = next > ID_MAX ? slot + 1 : next
    shared.sequences[flight] = sequence
    shared.forms[flight] = form
    shared.writtenUs[flight] = BATCHED
    batch.add(form, flight, this.number, sequence)
  }

  #flush(): void {
    const { shared } = this
    const { batch } = shared
    const wire = this.#wire
    if (batch.messages === 0) return
    if (wire === null || !this.up) return batch.clear()
    const atUs = nowUs(shared.clock)
    const messages = batch.messages
    for (let index = 0; index < messages; index++) this.#noteWritten(batch.flight(index), atUs)
    shared.sent += messages
    const bytes = batch.take()
    shared.bytesSent += bytes.length
    if (wire.write(bytes)) return
    // The kernel did not take all: the slab stays with the wire, further frames wait until it is through.
    this.#given.push(batch.giveAway())
    this.#blocked = true
  }

  #noteWritten(flight: number, atUs: number): void {
    const { shared } = this
    shared.writtenUs[flight] = atUs
    if (!shared.isOpen) return
    const dueUs = shared.dueUs[flight] as number
    shared.samples.written(dueUs, atUs, shared.seenUs[flight] as number)
  }

  #dropWaiting(): void {
    const { waiting, samples } = this.shared
    for (; !waiting.isEmpty(this.#index); waiting.shift(this.#index)) {
      if (samples.isMeasured(waiting.dueUs(this.#index))) samples.dropped++
    }
  }

  #forget(slots: number): void {
    this.#outstanding -= slots
    this.shared.inFlight -= slots
  }
}
