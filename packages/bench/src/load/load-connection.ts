/**
 * Owns one connection under load: which frame must be answered next, and sending the next one for every answer.
 * Must not know: phases, other connections, how answers are counted.
 * Invariant: a slot is in flight, owed (its write waits for the kernel), or idle (not sending). Slots are written and
 * answered in turn; answers to REQUESTs may overtake each other and are then found by id, which is the sequence number
 * and says the slot: sequence = slot + 1 + a multiple of depth. Per frame nothing is allocated.
 */
import { DECODE_FRAME, DECODE_NEED_MORE, ID_MAX } from '@shardwire/protocol'
import type { Socket } from 'node:net'

import { nowUs } from '../clock.ts'
import { CutFrame } from './cut-frame.ts'
import { dialSocket } from './dial-socket.ts'
import { judgeBroken, judgeFrame } from './frame-judge.ts'
import { NOT_IN_FLIGHT } from './load-shared.ts'
import type { LoadShared } from './load-shared.ts'

const NO_BYTES = new Uint8Array(0)

export interface ConnectionEvents {
  onUp(connection: LoadConnection): void
  /** It ended, or never came up; `error` is null when the other end just closed it. */
  onDown(connection: LoadConnection, error: NodeJS.ErrnoException | null): void
}

export class LoadConnection {
  /** For the decoder: 0, or the error code that broke the stream. */
  brokenCode = 0
  /** Counted over all processes from 0; stands in every payload that has room for it. */
  readonly number: number
  readonly shared: LoadShared
  /** Slot whose answer comes next if answers come in order. */
  slotDue = 0
  up = false
  /** Slots that were sent, written or owed, and are not answered. */
  #outstanding = 0
  readonly #first: number
  readonly #crc: number
  readonly #cut: CutFrame
  readonly #owed: number[] = []
  #socket: Socket | null = null
  #blocked = false

  constructor(shared: LoadShared, index: number) {
    this.shared = shared
    this.number = shared.plan.connectionFirst + index
    this.#first = index * shared.plan.depth
    this.#crc = shared.template.connectionCrc(this.number)
    this.#cut = new CutFrame(shared.rings)
  }

  dial(events: ConnectionEvents): void {
    const { plan, slab } = this.shared
    this.#socket = dialSocket({
      host: plan.host,
      port: plan.port,
      slab,
      onUp: () => {
        this.up = true
        events.onUp(this)
      },
      onRead: (bytes) => this.#read(bytes),
      onDown: (error) => {
        this.#release()
        events.onDown(this, error)
      },
    })
  }

  /** Sends the first frame of every slot. */
  start(): void {
    if (!this.up) return
    const { depth } = this.shared.plan
    for (let slot = 0; slot < depth; slot++) this.#send(slot, slot + 1)
    this.#flush()
  }

  destroy(): void {
    this.#socket?.destroy()
  }

  /** Frames written and not answered; counted by looking, so not for the load path. */
  get inFlight(): number {
    let frames = 0
    for (let slot = 0; slot < this.shared.plan.depth; slot++) if (this.isInFlight(slot)) frames++
    return frames
  }

  isInFlight(slot: number): boolean {
    return this.shared.writtenUs[this.#first + slot] !== NOT_IN_FLIGHT
  }

  /** Sequence number of the slot's last frame. */
  sequenceOf(slot: number): number {
    return this.shared.sequences[this.#first + slot] as number
  }

  /** Sets the check to the answer that the slot waits for. */
  expect(slot: number): void {
    const { check, template } = this.shared
    const sequence = this.sequenceOf(slot)
    check.expect(this.number, sequence, template.crcFor(this.#crc, sequence))
  }

  /** The slot's answer is here: counts it and sends the next frame. */
  answered(slot: number): void {
    const { shared } = this
    const flight = this.#first + slot
    shared.recorder.record(shared.writtenUs[flight] as number, shared.readUs)
    shared.writtenUs[flight] = NOT_IN_FLIGHT
    shared.answers++
    shared.inFlight--
    this.#outstanding--
    this.slotDue = slot + 1 === shared.plan.depth ? 0 : slot + 1
    if (!shared.sending) return this.#quiet()
    const next = (shared.sequences[flight] as number) + shared.plan.depth
    this.#send(slot, next > ID_MAX ? slot + 1 : next)
  }

  /** Writes bytes that are no part of the load. */
  writeControl(bytes: Uint8Array): void {
    if (this.up) this.#socket?.write(bytes)
  }

  #read(bytes: number): void {
    const { shared } = this
    shared.readUs = nowUs(shared.clock)
    shared.bytesReceived += bytes
    let at = this.#cut.ring === null ? 0 : this.#join(bytes)
    while (at < bytes && this.brokenCode === 0) at = this.#next(at, bytes)
    if (this.brokenCode === 0) return this.#flush()
    shared.batch.clear()
    this.destroy()
  }

  /** Handles the frame at `at` of the slab. @returns the offset behind it, or `end` when it is cut */
  #next(at: number, end: number): number {
    const { shared } = this
    const behind = at + shared.template.frameBytes
    if (behind <= end && this.isInFlight(this.slotDue)) {
      this.expect(this.slotDue)
      if (shared.check.matches(at)) {
        this.answered(this.slotDue)
        return behind
      }
    }
    return this.#decode(shared.slab, at, end)
  }

  /** The way of every frame that is not just the answer due: cut, wrong, overtaking, or no answer at all. */
  #decode(memory: Uint8Array, at: number, end: number): number {
    const { decoder } = this.shared
    const status = decoder.next(this, memory, at, end)
    if (status === DECODE_NEED_MORE) this.#cut.keep(memory, at, end, decoder.bytesNeeded)
    else if (status === DECODE_FRAME) {
      judgeFrame(this, memory)
      return decoder.frameEnd
    } else judgeBroken(this, memory, at, end)
    return end
  }

  /** Completes the frame that the last read cut. @returns the offset in the slab behind what it took */
  #join(end: number): number {
    const { decoder, slab } = this.shared
    let at = 0
    for (let ring = this.#cut.ring; ring !== null && at < end; ring = this.#cut.ring) {
      at += this.#cut.fill(slab, at, end)
      if (this.#cut.bytesMissing > 0) return end
      const status = decoder.next(this, ring.memory, ring.head, ring.tail)
      if (status === DECODE_NEED_MORE) this.#cut.needMore(decoder.bytesNeeded)
      else {
        if (status === DECODE_FRAME) judgeFrame(this, ring.memory)
        else judgeBroken(this, ring.memory, ring.head, ring.tail)
        this.#cut.drop()
      }
    }
    return at
  }

  #send(slot: number, sequence: number): void {
    const { shared } = this
    const { batch } = shared
    const flight = this.#first + slot
    shared.sequences[flight] = sequence
    shared.inFlight++
    this.#outstanding++
    if (batch.full) this.#flush()
    if (this.#blocked) this.#owed.push(slot)
    else batch.add(flight, this.number, sequence, shared.template.crcFor(this.#crc, sequence))
  }

  #flush(): void {
    const { shared } = this
    const { batch } = shared
    const socket = this.#socket
    if (batch.frames === 0) return
    if (socket === null || !this.up) return batch.clear()
    const bytes = batch.take(shared.writtenUs, nowUs(shared.clock))
    shared.bytesSent += bytes.length
    socket.write(bytes)
    if (socket.writableLength > 0) this.#wait(socket)
  }

  /** The kernel did not take all: the slab stays with the socket, further frames are owed until it is through. */
  #wait(socket: Socket): void {
    const { batch } = this.shared
    const slab = batch.giveAway()
    this.#blocked = true
    // Only a write tells when the ones before it are through; an empty one costs no byte.
    socket.write(NO_BYTES, (error) => {
      batch.takeBack(slab)
      this.#blocked = false
      if (!error) this.#sendOwed()
    })
  }

  #sendOwed(): void {
    const slots = this.#owed.splice(0)
    this.#forget(slots.length)
    if (this.shared.sending && this.up) for (const slot of slots) this.#send(slot, this.sequenceOf(slot))
    this.#flush()
    this.#quiet()
  }

  #forget(slots: number): void {
    this.#outstanding -= slots
    this.shared.inFlight -= slots
  }

  #quiet(): void {
    if (this.shared.inFlight === 0 && !this.shared.sending) this.shared.onQuiet()
  }

  /** The socket is gone, and with it what was in flight. */
  #release(): void {
    this.up = false
    this.#cut.drop()
    this.#forget(this.#outstanding)
  }
}
