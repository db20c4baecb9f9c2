/**
 * Owns what can be wrong with one direction of a connection, as data, and which bytes are damaged by it.
 * Must not know: sockets, time.
 * Invariant: `NO_FAULTS` changes nothing, not even where the bytes are cut.
 */
import type { Random } from './random.ts'

/** What happens to the bytes of one direction. */
export interface Faults {
  /** How long each byte is held back, in milliseconds. */
  readonly delayMs: number
  /** A random part of this is added to the delay; bytes never overtake each other. */
  readonly jitterMs: number
  /** Throughput at most; Infinity is unbounded. */
  readonly bytesPerSecond: number
  /** Bytes go on in writes of 1 to this many, each in a turn of its own; 1 tears into single bytes. */
  readonly pieceBytesMax: number
  /** On average one bit is flipped in this many bytes; Infinity is never. */
  readonly corruptEveryBytes: number
  /** Nothing is read and nothing is forwarded, neither bytes nor FIN nor reset. */
  readonly hole: boolean
}

export const NO_FAULTS: Faults = Object.freeze({
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Infinity,
  pieceBytesMax: Infinity,
  corruptEveryBytes: Infinity,
  hole: false,
})

/** What is done right behind a certain byte. */
export type CutAction = 'reset' | 'end' | 'hole'

/** Which bytes of a stream are damaged. The gaps between them are drawn, so that a long stream costs few draws. */
export class Corruption {
  readonly #random: Random
  /** Bytes until the next one that is damaged; undefined until one is asked for. */
  #gap: number | undefined

  constructor(random: Random) {
    this.#random = random
  }

  /** Flips one bit in about every `everyBytes`th byte of `bytes`, in place. @returns how many */
  apply(bytes: Uint8Array, everyBytes: number): number {
    if (everyBytes === Infinity) {
      this.#gap = undefined
      return 0
    }
    let flipped = 0
    let at = this.#gap ?? this.#draw(everyBytes)
    for (; at < bytes.length; at += 1 + this.#draw(everyBytes)) {
      flipBit(bytes, at, this.#random)
      flipped++
    }
    this.#gap = at - bytes.length
    return flipped
  }

  #draw(everyBytes: number): number {
    return this.#random.integer(0, Math.max(0, Math.floor(2 * everyBytes) - 2))
  }
}

/** Flips one random bit of one byte, in place. */
export function flipBit(bytes: Uint8Array, at: number, random: Random): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7))
}
