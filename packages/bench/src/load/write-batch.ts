/**
 * Owns the messages on their way out of one read or one moment of the schedule: they gather in a slab, and leave in one
 * write.
 * Must not know: sockets, answers.
 * Invariant: the slab is either ours, or given away until `takeBack`: the kernel did not take all of a write at once,
 * and the bytes must stand still until it has. Where all messages have one form, it stands ready in every slab of ours,
 * message behind message, and is only stamped.
 */
import { allocateMemory } from '@shardwire/protocol'

import type { MessageShape } from './message/message-shape.ts'
import { viewOf } from './message/template.ts'

/** A slab holds at least the largest message, and else about this much. */
const SLAB_BYTES = 65_536

/** Memory with what is written, and a view of every length that was ever written. */
export interface WriteSlab {
  readonly memory: Uint8Array
  readonly view: DataView
  readonly slices: (Uint8Array | undefined)[]
}

export class WriteBatch {
  readonly #shapes: readonly MessageShape[]
  readonly #slabBytes: number
  readonly #flights: Int32Array
  readonly #free: WriteSlab[] = []
  readonly #isUniform: boolean
  #slab: WriteSlab
  #messages = 0
  #bytes = 0

  /** @param depth messages that one connection has in flight: no batch can be longer */
  constructor(shapes: readonly MessageShape[], depth: number) {
    const bytesMax = Math.max(...shapes.map(({ request }) => request.bytes))
    const bytesMin = Math.min(...shapes.map(({ request }) => request.bytes))
    this.#shapes = shapes
    this.#isUniform = shapes.length === 1
    this.#slabBytes = Math.max(bytesMax, Math.min(SLAB_BYTES, bytesMax * depth))
    this.#flights = new Int32Array(Math.floor(this.#slabBytes / bytesMin))
    this.#slab = this.#newSlab()
  }

  get messages(): number {
    return this.#messages
  }

  /** Whether there is room for one more of this form. */
  hasRoom(shape: number): boolean {
    return this.#bytes + (this.#shapes[shape] as MessageShape).request.bytes <= this.#slabBytes
  }

  /** Adds the message of one flight; there must be room. */
  add(shape: number, flight: number, connection: number, sequence: number): void {
    const { request } = this.#shapes[shape] as MessageShape
    if (!this.#isUniform) this.#slab.memory.set(request.blank, this.#bytes)
    request.stamp(this.#slab.view, this.#bytes, connection, sequence)
    this.#flights[this.#messages++] = flight
    this.#bytes += request.bytes
  }

  /** The flight of the message added as number `index` since the last `take`. */
  flight(index: number): number {
    return this.#flights[index] as number
  }

  /** Empties the batch. @returns its bytes */
  take(): Uint8Array {
    const bytes = this.#bytes
    const messages = this.#messages
    this.#messages = this.#bytes = 0
    if (!this.#isUniform) return this.#slab.memory.subarray(0, bytes)
    return this.#slab.slices[messages] ?? this.#slice(messages, bytes)
  }

  /** Forgets the messages in it. */
  clear(): void {
    this.#messages = this.#bytes = 0
  }

  /** Leaves the slab with whoever writes it and goes on with another. */
  giveAway(): WriteSlab {
    const given = this.#slab
    this.#slab = this.#free.pop() ?? this.#newSlab()
    return given
  }

  /** The write is over: the slab is ours again. */
  takeBack(slab: WriteSlab): void {
    this.#free.push(slab)
  }

  #slice(messages: number, bytes: number): Uint8Array {
    const slice = this.#slab.memory.subarray(0, bytes)
    this.#slab.slices[messages] = slice
    return slice
  }

  #newSlab(): WriteSlab {
    const memory = allocateMemory(this.#slabBytes)
    const shape = this.#shapes[0]
    if (this.#isUniform && shape !== undefined) {
      const { blank, bytes } = shape.request
      for (let at = 0; at + bytes <= memory.length; at += bytes) memory.set(blank, at)
    }
    return { memory, view: viewOf(memory), slices: [] }
  }
}
