/**
 * Owns the frames on their way out of one read: they gather in a slab full of templates, and leave in one write.
 * Must not know: sockets, answers.
 * Invariant: the slab is either ours, or given away until `takeBack`: the kernel did not take all of a write at once,
 * and the bytes must stand still until it has. In every slab of ours stands the template, frame behind frame.
 */
import { allocateMemory } from '@shardwire/protocol'

import { viewOf } from './frame-template.ts'
import type { FrameTemplate } from './frame-template.ts'

/** A slab is at least one frame, and else about this long. */
const SLAB_BYTES = 65_536

/** Memory with the template in it, and a view of every length that was ever written. */
export interface WriteSlab {
  readonly memory: Uint8Array
  readonly view: DataView
  readonly slices: (Uint8Array | undefined)[]
}

export class WriteBatch {
  readonly #template: FrameTemplate
  readonly #framesMax: number
  readonly #flights: Int32Array
  readonly #free: WriteSlab[] = []
  #slab: WriteSlab
  #frames = 0

  /** @param depth frames that one connection has in flight: no batch can be longer */
  constructor(template: FrameTemplate, depth: number) {
    this.#template = template
    this.#framesMax = Math.max(1, Math.min(depth, Math.floor(SLAB_BYTES / template.frameBytes)))
    this.#flights = new Int32Array(this.#framesMax)
    this.#slab = this.#newSlab()
  }

  get frames(): number {
    return this.#frames
  }
  get full(): boolean {
    return this.#frames === this.#framesMax
  }

  /** Adds the frame of one flight; the batch must not be full. */
  add(flight: number, connection: number, sequence: number, crc: number): void {
    this.#template.stamp(this.#slab.view, this.#frames * this.#template.frameBytes, connection, sequence, crc)
    this.#flights[this.#frames++] = flight
  }

  /** Notes `atUs` as the moment of writing for every flight of the batch, and empties it. @returns its bytes */
  take(writtenUs: Float64Array, atUs: number): Uint8Array {
    const frames = this.#frames
    for (let index = 0; index < frames; index++) writtenUs[this.#flights[index] as number] = atUs
    this.#frames = 0
    return this.#slab.slices[frames] ?? this.#slice(frames)
  }

  /** Forgets the frames in it. */
  clear(): void {
    this.#frames = 0
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

  #slice(frames: number): Uint8Array {
    const slice = this.#slab.memory.subarray(0, frames * this.#template.frameBytes)
    this.#slab.slices[frames] = slice
    return slice
  }

  #newSlab(): WriteSlab {
    const { request, frameBytes } = this.#template
    const memory = allocateMemory(this.#framesMax * frameBytes)
    for (let frame = 0; frame < this.#framesMax; frame++) memory.set(request, frame * frameBytes)
    return { memory, view: viewOf(memory), slices: new Array<Uint8Array | undefined>(this.#framesMax + 1) }
  }
}
