/**
 * Owns the headers of the last four frames of each connection of a worker, 32 bytes each, and nothing of their bodies.
 * Must not know: connections; whoever has a place here keeps its number.
 * Invariant: a place is with one holder at a time. Recording a frame is two stores, and allocates nothing.
 */
import { PREFIX_BYTES } from '@shardwire/protocol'

/** Frames of a connection that are remembered; a power of two. */
export const TRAIL_FRAMES = 4
const WORDS_PER_FRAME = 2
const WORDS = TRAIL_FRAMES * WORDS_PER_FRAME
/** In the first word: the kind above, the frame's bytes below. */
const BYTES_BITS = 28
const BYTES_MAX = 2 ** BYTES_BITS - 1
/** In the second: the route above, the low bits of the id below. */
const ID_BITS = 20
const ID_MASK = 2 ** ID_BITS - 1
/** In the place of a kind: what came is no frame, and its first bytes are here. */
const BROKEN = 15
const HALF_BYTES = PREFIX_BYTES / 2
const HALF_BITS = HALF_BYTES * 8
const PLACES_MIN = 256

/** What is known of a frame that came. */
export type FrameHeader =
  | {
      readonly kind: number
      readonly route: number
      /** Its low 20 bits. */
      readonly id: number
      /** The whole frame. */
      readonly bytes: number
    }
  /** No frame: its first bytes in hex, as many as there were. */
  | { readonly broken: string }

export class FrameTrail {
  #memory = new Int32Array(PLACES_MIN * WORDS)
  /** The first place that is free, below all that were never used; each free one has the next in its first word. */
  #free = -1
  #used = 0

  /** @returns a place */
  join(): number {
    const place = this.#free
    if (place < 0) return this.#extend()
    this.#free = this.#memory[place * WORDS] ?? -1
    return place
  }

  leave(place: number): void {
    this.#memory[place * WORDS] = this.#free
    this.#free = place
  }

  /** @param count frames that came of this holder, this one among them */
  record(place: number, count: number, kind: number, route: number, id: number, bytes: number): void {
    const at = place * WORDS + (count & (TRAIL_FRAMES - 1)) * WORDS_PER_FRAME
    this.#memory[at] = (kind << BYTES_BITS) | (bytes > BYTES_MAX ? BYTES_MAX : bytes)
    this.#memory[at + 1] = (route << ID_BITS) | (id & ID_MASK)
  }

  /** Something came that is no frame: memory[start, end). @param count as above */
  recordBroken(place: number, count: number, memory: Uint8Array, start: number, end: number): void {
    const bytes = Math.min(PREFIX_BYTES, end - start)
    const half = (from: number): number => {
      let value = 0
      for (let index = from; index < from + HALF_BYTES; index++) {
        value = (value << 8) | (index < bytes ? (memory[start + index] ?? 0) : 0)
      }
      return value
    }
    const at = place * WORDS + (count & (TRAIL_FRAMES - 1)) * WORDS_PER_FRAME
    this.#memory[at] = (BROKEN << BYTES_BITS) | half(0)
    this.#memory[at + 1] = (bytes << HALF_BITS) | half(HALF_BYTES)
  }

  /** The words of a place, for `headersOf`. @param target gets them from `at` on */
  copy(place: number, target: Int32Array, at: number): void {
    for (let word = 0; word < WORDS; word++) target[at + word] = this.#memory[place * WORDS + word] ?? 0
  }

  /** The last frames of a holder, oldest first. @param count frames that came of it */
  headers(place: number, count: number): FrameHeader[] {
    return headersOf(this.#memory, place * WORDS, count)
  }

  #extend(): number {
    if ((this.#used + 1) * WORDS > this.#memory.length) {
      const larger = new Int32Array(this.#memory.length * 2)
      larger.set(this.#memory)
      this.#memory = larger
    }
    return this.#used++
  }
}

/** Words of one place. */
export const TRAIL_WORDS = WORDS

/** @param count frames that came in all @returns oldest first */
export function headersOf(words: Int32Array, at: number, count: number): FrameHeader[] {
  const known = Math.min(count, TRAIL_FRAMES)
  return Array.from({ length: known }, (_, index) => {
    const place = (count - known + 1 + index) & (TRAIL_FRAMES - 1)
    return headerOf(words[at + place * WORDS_PER_FRAME] ?? 0, words[at + place * WORDS_PER_FRAME + 1] ?? 0)
  })
}

function headerOf(first: number, second: number): FrameHeader {
  const kind = first >>> BYTES_BITS
  if (kind === BROKEN) return { broken: brokenText(first, second) }
  return { kind, route: second >>> ID_BITS, id: second & ID_MASK, bytes: first & BYTES_MAX }
}

function brokenText(first: number, second: number): string {
  const half = (word: number): string => (word & (2 ** HALF_BITS - 1)).toString(16).padStart(2 * HALF_BYTES, '0')
  return (half(first) + half(second)).slice(0, 2 * (second >>> HALF_BITS))
}
