/**
 * Owns the codec of JSON listeners: a stream of objects, each of which asks for something; docs/protocol.md says what.
 * Must not know: connections, how a handler runs.
 * Invariant: what is no JSON object breaks the stream where it begins; what is one, but no good request, is answered
 * and the stream goes on.
 */
import {
  BAD_BODY,
  BAD_FRAME,
  FRAME_TOO_LARGE,
  JSON_DEPTH_MAX,
  ShardwireError,
  SPLIT_CUT,
  SPLIT_TOO_DEEP,
  type SplitState,
  Splitter,
  viewOf,
} from '@shardwire/protocol'
import type { Codec, CodecAnswer, CodecOptions } from '../codec.ts'
import type { Decoded, Reading } from '../reading.ts'
import type { Writer } from '../writer.ts'
import { errorText } from './error-text.ts'
import { type JsonRequest, readRequest } from './request.ts'

/** What is asked where an object names no route; it alone is given {uid, val}, and its result is the answer. */
const GREET = 'greet'
const BRACE = 0x7b
/** A byte order mark: some writers begin a stream with it. */
const MARK = [0xef, 0xbb, 0xbf] as const
const MISSING_ROUTE = 0

/** @param wallMs the time of the day, in milliseconds since 1970 */
export function createJsonCodec(options: CodecOptions, wallMs: () => number): Codec {
  return new JsonCodec(options, wallMs)
}

class JsonCodec implements Codec {
  readonly carries = 'values'
  readonly ordered = false
  readonly pushes = false
  readonly #bytesMax: number
  readonly #wallMs: () => number
  readonly #splitter = new Splitter()
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #tsMs = Number.NaN
  #ts = ''

  constructor({ messageBytesMax }: CodecOptions, wallMs: () => number) {
    this.#bytesMax = messageBytesMax
    this.#wallMs = wallMs
  }

  decode(reading: Reading): Decoded {
    const { memory, start, end } = reading
    const begin = skipGap(reading)
    if (begin === end) return reading.gap(end)
    if (memory[begin] !== BRACE) return isCutMark(reading, begin) ? reading.needMore() : notJson(reading, begin)
    const before = begin === start ? (reading.state as SplitState | undefined) : undefined
    const split = this.#splitter.next(memory, begin, end, before)
    // One that is cut has at least another byte to come; where one is too deep is as far as it was looked at.
    const objectEnd = split === SPLIT_CUT ? end + 1 : this.#splitter.end
    if (objectEnd - begin > this.#bytesMax) {
      return reading.broken(FRAME_TOO_LARGE, `an object of more than ${this.#bytesMax} bytes`)
    }
    if (split === SPLIT_TOO_DEEP) {
      return reading.broken(BAD_FRAME, `an object nested deeper than ${JSON_DEPTH_MAX}`)
    }
    return split === SPLIT_CUT ? this.#cut(reading, begin, before) : this.#object(reading, begin, objectEnd)
  }

  bodyFor(found: unknown, route: string): unknown {
    const { uid, val, fault } = found as JsonRequest
    if (fault !== undefined) throw new ShardwireError(BAD_BODY, fault)
    if (route !== GREET) return val
    return uid === undefined ? { val } : { uid, val }
  }

  encodeAnswer(writer: Writer, { tag, route, value }: CodecAnswer): void {
    const members = route === GREET && isPlain(value) ? this.#greeting(value) : this.#members(value)
    const uid = typeof tag === 'string' ? `"uid":${tag},` : ''
    writer.text(`{${uid}${members}}\n`)
  }

  encodeError(writer: Writer, error: ShardwireError, tag: unknown): void {
    const uid = typeof tag === 'string' ? `"uid":${tag},` : ''
    writer.text(`{${uid}"error":${errorText(error)}}\n`)
  }

  /** What comes before the object is not needed again, and what was found out of it is kept. */
  #cut(reading: Reading, begin: number, before: SplitState | undefined): Decoded {
    if (begin > reading.start) return reading.gap(begin)
    const { bytes, depth, inString } = this.#splitter
    if (before === undefined) reading.state = { bytes, depth, inString } satisfies SplitState
    else {
      before.bytes = bytes
      before.depth = depth
      before.inString = inString
    }
    return reading.needMore()
  }

  #object(reading: Reading, begin: number, end: number): Decoded {
    const { memory } = reading
    let text: string
    let value: unknown
    try {
      text = this.#utf8.decode(viewOf(memory, begin, end))
      value = JSON.parse(text)
    } catch (error) {
      return reading.broken(BAD_FRAME, faultOf(error))
    }
    const request = readRequest(value as Record<string, unknown>, text)
    if (request === undefined) return reading.life(end)
    reading.route = routeOf(request.route)
    reading.tag = request.uidText
    reading.wantsAnswer = true
    return reading.value(request, end)
  }

  #members(value: unknown): string {
    const val = value === undefined ? 'null' : jsonOf(value)
    return `"val":${val},"ts":"${this.#now()}"`
  }

  /** The result itself is the answer, but for its uid, which is the caller's to the digit. */
  #greeting(result: Record<string, unknown>): string {
    return jsonOf({ ...result, uid: undefined, ts: result['ts'] ?? this.#now() }).slice(1, -1)
  }

  #now(): string {
    const nowMs = this.#wallMs()
    if (nowMs !== this.#tsMs) {
      this.#tsMs = nowMs
      this.#ts = new Date(nowMs).toISOString()
    }
    return this.#ts
  }
}

/** @returns the offset of the first byte that is neither space nor, at the very beginning, a byte order mark */
function skipGap({ memory, start, end, isFirst }: Reading): number {
  let at = start
  if (isFirst && end - start >= MARK.length && MARK.every((byte, index) => memory[start + index] === byte)) {
    at += MARK.length
  }
  while (at < end && isSpace(memory[at] as number)) at++
  return at
}

/** Whether the mark at the beginning of a stream may have been cut. */
function isCutMark({ memory, start, end, isFirst }: Reading, begin: number): boolean {
  const isShort = isFirst && begin === start && end - start < MARK.length
  return isShort && MARK.slice(0, end - start).every((byte, index) => memory[start + index] === byte)
}

function isSpace(byte: number): boolean {
  return byte === 0x0a || byte === 0x20 || byte === 0x0d || byte === 0x09
}

function notJson(reading: Reading, begin: number): Decoded {
  const byte = reading.memory[begin] as number
  const shown = byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16)}`
  return reading.broken(BAD_FRAME, `an object must begin with "{", and not with ${shown}`)
}

function faultOf(error: unknown): string {
  if (error instanceof SyntaxError) return `text that is no JSON object: ${error.message}`
  if (error instanceof TypeError) return 'text that is not valid UTF-8'
  throw error
}

/** What is neither number nor name is a route that does not exist. */
function routeOf(route: unknown): string | number {
  if (route === undefined) return GREET
  return typeof route === 'string' || typeof route === 'number' ? route : MISSING_ROUTE
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function jsonOf(value: unknown): string {
  // The types do not say so, but for a function or a symbol there is none.
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`JSON has no form for what is of type ${typeof value}`)
  return text
}
