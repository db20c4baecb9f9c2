/**
 * Owns what a handler sees of the frame that it answers.
 * Must not know: sockets, how answers are sent.
 * Invariant: the worker reuses one context for every frame whose handler returns at once; one whose handler returned a
 * promise stays with it, and the worker takes a fresh one.
 */
import { copyBytes, type Metadata, viewOf } from '@shardwire/protocol'
import type { TlsPeer } from './tls-peer.ts'

/**
 * Returned by a handler to answer with the very bytes of the body: the cheapest answer, copied once and not encoded.
 */
export const FORWARD: unique symbol = Symbol.for('shardwire.forward')

/** What a handler may know of the connection. */
export interface ConnectionInfo {
  /** Unique over restarts. */
  readonly id: string
  /** The slot of the worker that serves it, from 0. */
  readonly shard: number
  /** Address of the peer, undefined once it has gone. */
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** Who the peer is by its certificate; undefined where the connection has no TLS. */
  readonly tls: TlsPeer | undefined
}

export interface Request {
  /** Name of the route. */
  readonly route: string
  /**
   * The body: for a msgpack route its value, yours to keep; for a bytes route a view that holds **until the handler
   * returns** or reaches its first `await`; ask again after it, or `keep()`. Not to be written into.
   */
  readonly body: unknown
  /** The same for a bytes route, as bytes; empty for other routes. */
  readonly bytes: Uint8Array
  /** What the caller sent along; undefined for most frames. */
  readonly metadata: Metadata | undefined
  readonly connection: ConnectionInfo
  /** Aborted when the caller cancels, the deadline passes or the connection ends. */
  readonly signal: AbortSignal
  /** Whether the caller waits for an answer (REQUEST) or not (MESSAGE). */
  readonly wantsAnswer: boolean
  /**
   * A copy of `bytes` that is yours, for as long as you like: for what outlives the handler. Each call makes one. Small
   * ones share memory with others, as a Buffer does; `keep().slice()` is memory of its own, that may be transferred.
   */
  keep(): Uint8Array
  /** Answers with the bytes of the body as they came: `return request.forward()`. */
  forward(): typeof FORWARD
}

const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_CONNECTION: ConnectionInfo = {
  id: '',
  shard: -1,
  remoteAddress: undefined,
  remotePort: undefined,
  tls: undefined,
}

export class RequestContext implements Request {
  route = ''
  connection: ConnectionInfo = NO_CONNECTION
  metadata: Metadata | undefined = undefined
  wantsAnswer = false
  /** Decoded body of a msgpack route. */
  value: unknown = undefined
  /** Where the body stands as it came. */
  memory = NO_BYTES
  start = 0
  end = 0
  /** Whether the body is opaque bytes. */
  #isBytes = false
  /** The memory that `keepBody` took the body out of. */
  #left: ArrayBufferLike | undefined = undefined
  #abort: AbortController | undefined = undefined
  #abortReason: Error | undefined = undefined

  /** A frame came, its body at memory[start, end). */
  place(memory: Uint8Array, start: number, end: number, isBytes: boolean): void {
    this.memory = memory
    this.start = start
    this.end = end
    this.#isBytes = isBytes
  }

  get body(): unknown {
    return this.#isBytes ? this.bytes : this.value
  }

  get bytes(): Uint8Array {
    // A plain Uint8Array: `slice` of a Buffer is no copy, and whoever reads the type takes it for one.
    return this.#isBytes ? viewOf(this.memory, this.start, this.end) : NO_BYTES
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason)
    return this.#abort.signal
  }

  keep(): Uint8Array {
    if (!this.#isBytes) return NO_BYTES
    const bytes = this.end - this.start
    // From Node's pool: memory of its own takes ten times as long to allocate as a small body to copy.
    const own = Buffer.allocUnsafe(bytes)
    copyBytes(this.memory, this.start, this.end, own, 0)
    return viewOf(own, 0, bytes)
  }

  forward(): typeof FORWARD {
    return FORWARD
  }

  /** Gives an asynchronous handler a copy of its body: the memory it stands in is about to be read into again. */
  keepBody(): void {
    this.#left = this.memory.buffer
    this.memory = Uint8Array.prototype.slice.call(this.memory, this.start, this.end)
    this.end -= this.start
    this.start = 0
  }

  /**
   * Whether an asynchronous handler's answer is a view that it took before its first `await`: other bytes may stand
   * there by now. A view of arrived bytes never begins at 0, and only of those is `buffer` asked: for small arrays that
   * is slow.
   */
  isStale(answer: unknown): boolean {
    if (this.#left === undefined || !(answer instanceof Uint8Array)) return false
    return answer.byteOffset > 0 && answer.buffer === this.#left
  }

  /** Tells the handler that nobody waits any more: now, or when it asks for the signal. */
  abort(reason: Error): void {
    this.#abortReason = reason
    this.#abort?.abort(reason)
  }

  /** Whether a handler asked for the signal: a context that did is not reused. */
  get signalTaken(): boolean {
    return this.#abort !== undefined
  }
}
