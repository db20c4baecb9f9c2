/**
 * Owns the way from the socket's bytes to JSON objects.
 * Must not know: what an object means, sockets.
 * Invariant: an object is looked at once however it is cut, and parsed when it is whole. What is kept is bounded by the
 * largest object and one read. A stream that broke stays broken.
 */
import {
  allocateMemory,
  BAD_FRAME,
  copyBytes,
  FRAME_TOO_LARGE,
  JSON_DEPTH_MAX,
  ShardwireError,
  SPLIT_CUT,
  SPLIT_TOO_DEEP,
  type SplitState,
  Splitter,
  viewOf,
} from '@shardwire/protocol'

export interface JsonSink {
  onObject(object: Readonly<Record<string, unknown>>): void
  /** The stream broke; nothing more comes. */
  onBroken(error: ShardwireError): void
}

const BRACE = 0x7b
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
/** A byte order mark, with which some writers begin. */
const MARK = [0xef, 0xbb, 0xbf] as const
const NO_BYTES: Uint8Array = new Uint8Array(0)

export class JsonStream {
  readonly #bytesMax: number
  readonly #sink: JsonSink
  readonly #splitter = new Splitter()
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  /** The object that is cut, and what is known of it. */
  #kept: Uint8Array = NO_BYTES
  #keptBytes = 0
  #state: SplitState | undefined
  #isFirst = true
  #isStopped = false

  /** @param bytesMax largest object accepted */
  constructor(bytesMax: number, sink: JsonSink) {
    this.#bytesMax = bytesMax
    this.#sink = sink
  }

  /** Bytes of an object that is not whole yet. */
  get bytesCut(): number {
    return this.#keptBytes
  }

  /** Takes what was read, memory[0, end). The memory is not kept. */
  feed(memory: Uint8Array, end: number): void {
    if (this.#isStopped) return
    if (this.#keptBytes === 0) {
      this.#keep(memory, this.#read(memory, 0, end), end)
      return
    }
    this.#append(memory, end)
    const [kept, bytes] = [this.#kept, this.#keptBytes]
    this.#keptBytes = 0
    const at = this.#read(kept, 0, bytes)
    if (this.#isStopped) return
    if (at === 0) this.#keptBytes = bytes
    else this.#keep(kept, at, bytes)
  }

  /** Takes nothing any more, also from the bytes under way. */
  stop(): void {
    this.#isStopped = true
    this.#kept = NO_BYTES
    this.#keptBytes = 0
  }

  /** Reads whole objects. @returns the offset of what is cut, or `end` */
  #read(memory: Uint8Array, start: number, end: number): number {
    let at = start
    while (!this.#isStopped) {
      at = skipSpaces(memory, at, end)
      if (at === end) return end
      if (memory[at] !== BRACE) {
        const behind = this.#skipMark(memory, at, end)
        if (behind === at) return at
        at = behind
        continue
      }
      this.#isFirst = false
      const split = this.#splitter.next(memory, at, end, this.#state)
      this.#state = undefined
      const objectEnd = split === SPLIT_CUT ? end : this.#splitter.end
      if (objectEnd - at > this.#bytesMax) {
        return this.#broken(FRAME_TOO_LARGE, `an object of more than ${this.#bytesMax} bytes`)
      }
      if (split === SPLIT_TOO_DEEP) return this.#broken(BAD_FRAME, `an object nested deeper than ${JSON_DEPTH_MAX}`)
      if (split === SPLIT_CUT) {
        const { bytes, depth, inString } = this.#splitter
        this.#state = { bytes, depth, inString }
        return at
      }
      this.#object(viewOf(memory, at, objectEnd))
      at = objectEnd
    }
    return end
  }

  /** @returns the offset behind the mark; `at` where it is cut, or where the stream broke */
  #skipMark(memory: Uint8Array, at: number, end: number): number {
    const isMark = this.#isFirst && MARK.every((byte, index) => at + index >= end || memory[at + index] === byte)
    if (!isMark) {
      this.#broken(BAD_FRAME, 'text that is no JSON object')
      return at
    }
    if (at + MARK.length > end) return at
    this.#isFirst = false
    return at + MARK.length
  }

  #object(bytes: Uint8Array): void {
    let value: unknown
    try {
      value = JSON.parse(this.#utf8.decode(bytes))
    } catch (error) {
      // A SyntaxError, or a TypeError for what is no UTF-8: either way it is no JSON.
      if (!(error instanceof Error)) throw error
      this.#broken(BAD_FRAME, `text that is no JSON: ${error.message}`)
      return
    }
    // It begins with a brace.
    this.#sink.onObject(value as Readonly<Record<string, unknown>>)
  }

  #broken(code: number, detail: string): number {
    this.stop()
    this.#sink.onBroken(new ShardwireError(code, detail))
    return 0
  }

  /** Keeps memory[from, end): the beginning of an object. */
  #keep(memory: Uint8Array, from: number, end: number): void {
    if (this.#isStopped) return
    if (from === end) {
      this.#kept = NO_BYTES
      return
    }
    const bytes = end - from
    const kept = allocateMemory(bytes * 2)
    copyBytes(memory, from, end, kept, 0)
    this.#kept = kept
    this.#keptBytes = bytes
  }

  #append(memory: Uint8Array, bytes: number): void {
    const needed = this.#keptBytes + bytes
    if (needed > this.#kept.length) {
      const larger = allocateMemory(needed * 2)
      copyBytes(this.#kept, 0, this.#keptBytes, larger, 0)
      this.#kept = larger
    }
    copyBytes(memory, 0, bytes, this.#kept, this.#keptBytes)
    this.#keptBytes = needed
  }
}

function skipSpaces(memory: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && SPACES.has(memory[at] as number)) at++
  return at
}
