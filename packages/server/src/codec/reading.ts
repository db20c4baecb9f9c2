/**
 * Owns what a codec is shown of a stream, and what it finds there: one message, or why there is none.
 * Must not know: connections, routes that exist, where the bytes came from.
 * Invariant: one object serves all connections of a worker: what it says holds until the next call. Nothing is
 * allocated for a message but what the codec itself makes.
 */

/** More bytes are needed before anything can be said. */
export const DECODED_NOTHING = 0
/** A message for a route. */
export const DECODED_MESSAGE = 1
/** Bytes that mean nothing, as those between two messages. */
export const DECODED_GAP = 2
/** A sign of life, which no route is told of. */
export const DECODED_LIFE = 3
/** Nothing behind this point can be trusted. */
export const DECODED_BROKEN = 4

/** What `decode` returns: whatever the method of `Reading` that it ends with returned. */
export type Decoded =
  | typeof DECODED_NOTHING
  | typeof DECODED_MESSAGE
  | typeof DECODED_GAP
  | typeof DECODED_LIFE
  | typeof DECODED_BROKEN

const NO_MEMORY: Uint8Array = new Uint8Array(0)

/** The bytes memory[start, end) of a stream that no message was made of yet, and what a codec makes of them. */
export class Reading {
  /** Only to be read, and only from `start` to `end`: other bytes belong to other clients. */
  memory = NO_MEMORY
  start = 0
  end = 0
  /** Whether nothing of this connection was a message, a gap or a sign of life yet. */
  isFirst = true
  /**
   * The codec's own, for what it has found out about a message that is cut: what was put here before `needMore` is
   * here again when more has come, and undefined after everything else. Offsets in it count from `start`: the bytes may
   * stand elsewhere by then.
   */
  state: unknown = undefined

  // What a codec may say of a message before it calls `message` or `value`.
  /** Name or number of its route; undefined for the `&route=` of the listener. */
  route: string | number | undefined = undefined
  /** Whatever its answer needs to be told apart by: it comes back with the answer, or the error. */
  tag: unknown = undefined
  /** Whether it is answered also when the handler returns nothing. */
  wantsAnswer = false

  // What was found.
  bodyStart = 0
  bodyEnd = 0
  /** The body of a codec that carries values. */
  found: unknown = undefined
  /** Offset behind what was found. */
  next = 0
  /** After DECODED_NOTHING: bytes from `start` to the end of what is waited for; 0 while that is not known. */
  bytesNeeded = 0
  /** After DECODED_BROKEN: a code of the error table, and what is wrong. */
  brokenCode = 0
  brokenDetail = ''

  /** Shows other bytes. For whoever drives a codec. */
  show(memory: Uint8Array, start: number, end: number, state: unknown, isFirst: boolean): void {
    this.memory = memory
    this.start = this.next = start
    this.end = end
    this.state = state
    this.isFirst = isFirst
    this.route = undefined
    this.tag = undefined
    this.wantsAnswer = false
    this.found = undefined
  }

  /** There is a message with the body memory[bodyStart, bodyEnd), and the next may begin at `next`. */
  message(bodyStart: number, bodyEnd: number, next: number): Decoded {
    this.bodyStart = bodyStart
    this.bodyEnd = bodyEnd
    this.next = next
    return DECODED_MESSAGE
  }

  /** The same for a codec that carries values. */
  value(body: unknown, next: number): Decoded {
    this.found = body
    return this.message(this.start, this.start, next)
  }

  /** The bytes up to `next` mean nothing. */
  gap(next: number): Decoded {
    this.bodyStart = this.bodyEnd = this.next = next
    return DECODED_GAP
  }

  /** The bytes up to `next` only say that the peer lives; memory[answerStart, answerEnd) goes back to it. */
  life(next: number, answerStart = next, answerEnd = answerStart): Decoded {
    this.bodyStart = answerStart
    this.bodyEnd = answerEnd
    this.next = next
    return DECODED_LIFE
  }

  /**
   * A message is cut, or nothing has come of it.
   * @param bytes from `start` to its end, where that is known: then no byte of the next one is read into its buffer
   */
  needMore(bytes = 0): Decoded {
    this.bytesNeeded = bytes
    return DECODED_NOTHING
  }

  /**
   * The stream is broken: the peer is told, where the codec has a form for errors, and the connection ends.
   * @param code of the error table: BAD_FRAME, FRAME_TOO_LARGE
   */
  broken(code: number, detail: string): Decoded {
    this.brokenCode = code
    this.brokenDetail = detail
    return DECODED_BROKEN
  }
}
