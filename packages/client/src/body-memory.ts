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
/** Up to here bytes are copied word by word (0.17 ns a byte); above, by `set` of a view of them (50 ns and more). */
const WORDS_BYTES_MAX = 256
/** Memory above this is not remembered, lest it live on until bodies come from elsewhere. */
const REMEMBERED_BYTES_MAX = 1_048_576

const NO_BYTES = new Uint8Array(0)
const NO_CHUNK = Buffer.alloc(0)
const NO_WORDS: DataView = new DataView(new ArrayBuffer(0))

export class BodyMemory {
  /** All of a buffer. */
  #chunk: Buffer = NO_CHUNK
  #buffer: ArrayBufferLike = NO_CHUNK.buffer
  #chunkWords = NO_WORDS
  #used = CHUNK_BYTES
  /** Where the last body stood, and the same as words: bodies of one read follow one another. */
  #source: Uint8Array = NO_BYTES
  #sourceWords = NO_WORDS

  /** memory[start, end) as a plain Uint8Array that is the caller's to keep. */
  copy(memory: Uint8Array, start: number, end: number): Uint8Array {
    const bytes = end - start
    if (bytes <= OWN_BYTES_MAX) return bytes === 0 ? NO_BYTES : copySmall(memory, start, bytes)
    if (bytes > SHARED_BYTES_MAX) return copyLarge(memory, start, end)
    if (this.#used + bytes > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
      this.#chunkWords = wordsOf(this.#chunk)
      this.#buffer = this.#chunk.buffer
      this.#used = 0
    }
    const at = this.#used
    // Eight bytes are what an Int32Array or a Float64Array over it needs.
    this.#used = (at + bytes + 7) & ~7
    if (bytes <= WORDS_BYTES_MAX) this.#copyWords(memory, start, end, at)
    else this.#chunk.set(viewOf(memory, start, end), at)
    return new Uint8Array(this.#buffer, at, bytes)
  }

  /** Without a view of them, which costs more than it takes to copy them. */
  #copyWords(memory: Uint8Array, start: number, end: number, at: number): void {
    const chunk = this.#chunk
    const chunkWords = this.#chunkWords
    const words = memory === this.#source ? this.#sourceWords : this.#spell(memory)
    let from = start
    let to = at
    for (const last = end - 4; from <= last; from += 4, to += 4) {
      chunkWords.setInt32(to, words.getInt32(from, true), true)
    }
    for (; from < end; from++, to++) chunk[to] = memory[from] as number
  }

  #spell(memory: Uint8Array): DataView {
    const words = wordsOf(memory)
    const isKept = memory.buffer.byteLength <= REMEMBERED_BYTES_MAX
    this.#source = isKept ? memory : NO_BYTES
    this.#sourceWords = isKept ? words : NO_WORDS
    return words
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

function wordsOf(memory: Uint8Array): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
}

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
