/**
 * Owns the memory that bodies are handed out in: what came from the network, copied out of where it was read.
 * Must not know: frames, who gets a body.
 * Invariant: no two bodies share a byte, and a body is written once, here. Those from 33 bytes to 8 KB share an
 * ArrayBuffer with others, as Buffers do: memory of its own costs a small body thirty times what copying it does.
 */
import { copyBytes, viewOf } from '@shardwire/protocol'

/** Up to here an array of its own is on the JavaScript heap, and cheaper than a view. */
const OWN_BYTES_MAX = 32
/** From here on a body has memory of its own, so that one that is kept keeps no more than itself. */
const SHARED_BYTES_MAX = 8192
/** Largest of `Copies`. */
export const COPY_BYTES_MAX = SHARED_BYTES_MAX
const CHUNK_BYTES = 65_536

const NO_BYTES = new Uint8Array(0)
const NO_CHUNK = Buffer.alloc(0)

export class BodyMemory {
  #chunk: Buffer = NO_CHUNK
  #used = CHUNK_BYTES

  /** memory[start, end) as a plain Uint8Array that is the caller's to keep. */
  copy(memory: Uint8Array, start: number, end: number): Uint8Array {
    const bytes = end - start
    if (bytes <= OWN_BYTES_MAX) return bytes === 0 ? NO_BYTES : copySmall(memory, start, bytes)
    if (bytes > SHARED_BYTES_MAX) return copyLarge(memory, start, end)
    if (this.#used + bytes > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
      this.#used = 0
    }
    const at = this.#used
    // Eight bytes are what an Int32Array or a Float64Array over it needs.
    this.#used = (at + bytes + 7) & ~7
    const body = viewOf(this.#chunk, at, at + bytes)
    body.set(viewOf(memory, start, end))
    return body
  }
}

/**
 * Copies of small bodies, one behind the other, without a view for each: for what is hardly ever read again. The last
 * one stands at `chunk`[`at`, ...), until the next `put`; the chunk is never written there again.
 */
export class Copies {
  chunk: Uint8Array = NO_CHUNK
  at = 0
  #used = 0

  /** @param body up to COPY_BYTES_MAX */
  put(body: Uint8Array): void {
    if (this.#used + body.length > this.chunk.length) {
      this.chunk = new Uint8Array(CHUNK_BYTES)
      this.#used = 0
    }
    this.at = this.#used
    this.#used += body.length
    this.chunk.set(body, this.at)
  }
}

/** Of all connections: what is left of a chunk is of use to the next body, whoever it is for. */
export const bodyMemory = new BodyMemory()

function copySmall(memory: Uint8Array, start: number, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++) body[at] = memory[start + at] as number
  return body
}

function copyLarge(memory: Uint8Array, start: number, end: number): Uint8Array {
  const own = Buffer.allocUnsafeSlow(end - start)
  copyBytes(memory, start, end, own, 0)
  return viewOf(own, 0, own.length)
}
