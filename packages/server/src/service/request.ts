/**
 * Owns what a handler sees of the frame that it answers.
 * Must not know: sockets, how answers are sent.
 * Invariant: the worker reuses one context for every frame whose handler returns at once; one whose handler returned a
 * promise stays with it, and the worker takes a fresh one.
 */
import type { Metadata } from '@shardwire/protocol'

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
}

export interface Request {
  /** Name of the route. */
  readonly route: string
  /**
   * The body: for a msgpack route its value, yours to keep; for a bytes route a view that holds **until the handler
   * returns** or reaches its first `await`; ask again after it, or copy.
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
  /** Answers with the bytes of the body as they came: `return request.forward()`. */
  forward(): typeof FORWARD
}

const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_CONNECTION: ConnectionInfo = { id: '', shard: -1, remoteAddress: undefined, remotePort: undefined }

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
    return this.#isBytes ? this.memory.subarray(this.start, this.end) : NO_BYTES
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason)
    return this.#abort.signal
  }

  forward(): typeof FORWARD {
    return FORWARD
  }

  /** Gives an asynchronous handler a copy of its body: the memory it stands in is about to be read into again. */
  keepBody(): void {
    this.memory = Uint8Array.prototype.slice.call(this.memory, this.start, this.end)
    this.end -= this.start
    this.start = 0
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
