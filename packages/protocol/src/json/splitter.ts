/**
 * Owns the boundaries of JSON objects in a stream: where one begins and where it ends.
 * Must not know: what is in them; whether it is JSON is for `JSON.parse` to say.
 * Invariant: a byte is looked at once, however the stream is cut. Text that is a JSON object from its first brace to
 * its last is found with just these ends; of other text it is only promised that an end is found or a limit met. Bytes
 * of characters beyond ASCII are never those of a brace, a quote or a backslash, so a character may be cut anywhere.
 */

/** Deepest nesting; an object is depth 1, what is in it 2. */
export const JSON_DEPTH_MAX = 64

/** More bytes are needed. */
export const SPLIT_CUT = 0
/** The object ends at `end`. */
export const SPLIT_FOUND = 1
export const SPLIT_TOO_DEEP = 2

export type Split = typeof SPLIT_CUT | typeof SPLIT_FOUND | typeof SPLIT_TOO_DEEP

/** How far an object that is cut has been looked at. */
export interface SplitState {
  /** Bytes of it that need not be looked at again. */
  bytes: number
  depth: number
  inString: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** `[` and `{` differ in this bit alone, and so do `]` and `}`. */
const CURLY = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

export class Splitter {
  /** After SPLIT_FOUND: the offset behind the last brace. After SPLIT_TOO_DEEP: that behind the bracket too many. */
  end = 0
  /** After SPLIT_CUT: what the next call is to be given, when more has come. */
  bytes = 0
  depth = 0
  inString = false

  /**
   * Looks for the end of the object that begins at `start`, with its brace.
   * @param before what was found out when less of it was there
   */
  next(memory: Uint8Array, start: number, end: number, before: SplitState | undefined): Split {
    let at = start
    let depth = 0
    if (before !== undefined) {
      at += before.bytes
      depth = before.depth
      if (before.inString) {
        at = skipString(memory, at, end)
        if (at < 0) return this.#cut(~at - start, depth, true)
      }
    }
    while (at < end) {
      const byte = memory[at++] as number
      if (byte === QUOTE) {
        at = skipString(memory, at, end)
        if (at < 0) return this.#cut(~at - start, depth, true)
      } else if ((byte | CURLY) === OPENING) {
        if (++depth > JSON_DEPTH_MAX) {
          this.end = at
          return SPLIT_TOO_DEEP
        }
      } else if ((byte | CURLY) === CLOSING && --depth === 0) {
        this.end = at
        return SPLIT_FOUND
      }
    }
    return this.#cut(end - start, depth, false)
  }

  #cut(bytes: number, depth: number, inString: boolean): Split {
    this.bytes = bytes
    this.depth = depth
    this.inString = inString
    return SPLIT_CUT
  }
}

/**
 * The way to the end of a string.
 * @param from behind its first quote
 * @returns the offset behind its last; or, where that has not come, the complement of the offset from which to go on:
 * that of a backslash whose other half has not come either, else `end`
 */
function skipString(memory: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = memory[at]
    if (byte === QUOTE) return at + 1
    if (byte === BACKSLASH && ++at === end) return ~(end - 1)
  }
  return ~end
}
