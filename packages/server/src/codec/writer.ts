/**
 * Owns the bytes of one answer while a codec writes it.
 * Must not know: codecs, where the bytes go.
 * Invariant: nothing of an answer that fails, or grows beyond the limit, has left. Its memory is reused for every
 * answer of the worker, and is given up for a small one when a large answer made it grow.
 */
import { copyBytes } from '@shardwire/protocol'

const BYTES_MIN = 16_384
/** Memory that is kept between answers. */
const BYTES_KEPT = 262_144
/** UTF-16 code units of at most this many bytes each. */
const UTF8_BYTES_MAX = 3

/** Where an answer is written to. Each method throws a RangeError when it becomes larger than the listener allows. */
export class Writer {
  #memory = Buffer.allocUnsafeSlow(BYTES_MIN)
  #length = 0
  #bytesMax = 0

  /** What has been written stands here, from 0 to `length`. */
  get memory(): Uint8Array {
    return this.#memory
  }
  get length(): number {
    return this.#length
  }

  /** Begins another answer. For whoever drives a codec. */
  begin(bytesMax: number): void {
    if (this.#memory.length > BYTES_KEPT) this.#memory = Buffer.allocUnsafeSlow(BYTES_MIN)
    this.#length = 0
    this.#bytesMax = bytesMax
  }

  /** Writes one byte. */
  byte(value: number): void {
    this.#reserve(1)
    this.#memory[this.#length++] = value
  }

  /** Writes source[start, end). */
  bytes(source: Uint8Array, start = 0, end = source.length): void {
    this.#reserve(end - start)
    copyBytes(source, start, end, this.#memory, this.#length)
    this.#length += end - start
  }

  /** Writes a text as UTF-8. */
  text(text: string): void {
    const bytesMax = text.length * UTF8_BYTES_MAX
    // A short text is written where there is room for it at its worst, a long one is measured first.
    if (this.#length + bytesMax > Math.min(this.#memory.length, this.#bytesMax)) {
      this.#reserve(Buffer.byteLength(text))
    }
    this.#length += this.#memory.write(text, this.#length)
  }

  /** Makes room for exactly so many more. */
  #reserve(bytes: number): void {
    const wanted = this.#length + bytes
    if (wanted > this.#bytesMax) {
      throw new RangeError(`it has more than the ${this.#bytesMax} bytes that a message of this listener may have`)
    }
    if (wanted <= this.#memory.length) return
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(wanted)))
    copyBytes(this.#memory, 0, this.#length, larger, 0)
    this.#memory = larger
  }
}
