/**
 * Owns the way from bytes to one frame: where its fields stand, and whether it is whole, wrong or not there yet.
 * Must not know: where the memory comes from, sockets, routes that exist, what a body means.
 * Invariant: memory is only read, nothing is allocated for a frame, and what is reported are offsets into the memory
 * given; they hold until the next call. Checks run in the order of the protocol page: reserved kind, length, CRC,
 * structure. A stream that broke stays broken.
 */
import { readI32, readU16, readU32 } from './bytes.ts'
import { crc32, crc32Signed } from './crc/crc32.ts'
import { FOUND_MAX, FOUND_WORDS } from './crc/kernel-layout.ts'
import { BAD_CRC, BAD_FRAME, FRAME_TOO_LARGE } from './errors.ts'
import {
  CRC_BYTES,
  FLAG_META,
  FRAME_OVERHEAD_BYTES,
  ID_BYTES,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_MASK,
  KIND_MESSAGE,
  KIND_NAMES,
  KIND_REQUEST,
  KIND_RESERVED_FIRST,
  KIND_RESERVED_LAST,
  KIND_SHIFT,
  META_BYTES_MAX,
  META_LENGTH_BYTES,
  OPCODE_PONG,
  PING_BYTES_MAX,
  PREFIX_BYTES,
  ROUTE_MAX,
} from './frame.ts'
import { found, scanFrames, scanNumber } from './frame-scan.ts'
import { META_LIMITS } from './msgpack/limits.ts'
import { isMsgpackMap, MSGPACK_OK, scanMsgpack } from './msgpack/scan.ts'

/** Headers from here on, of those that are found at once, are of REQUESTs. */
const FIRST_REQUEST = KIND_REQUEST << KIND_SHIFT

/** More bytes are needed; `bytesNeeded` says how many the frame has in all. */
export const DECODE_NEED_MORE = 0
/** One frame is described by the decoder's fields. */
export const DECODE_FRAME = 1
/** The stream is broken, with its `brokenCode`; nothing behind this point can be trusted. */
export const DECODE_BROKEN = 2

export type DecodeStatus = typeof DECODE_NEED_MORE | typeof DECODE_FRAME | typeof DECODE_BROKEN

/** What a decoder keeps about a stream, so that one decoder serves all streams of a worker. */
export interface DecodedStream {
  /** 0 while the stream is whole; else the error code that broke it, for good. */
  brokenCode: number
}

export class FrameDecoder {
  /** Largest payload accepted, in bytes. */
  readonly frameBytesMax: number

  // The frame that the last DECODE_FRAME found.
  kind = 0
  route = 0
  /** Request id; 0 for kinds without one. */
  id = 0
  /** Offset of the header's first byte, and the offset behind the CRC's last. */
  frameStart = 0
  frameEnd = 0
  /** The metadata map, without its length field; start === end where the frame has none. */
  metaStart = 0
  metaEnd = 0
  bodyStart = 0
  bodyEnd = 0

  /** After DECODE_NEED_MORE: bytes from `start` to the end of what is waited for: 6 until the length is known. */
  bytesNeeded = PREFIX_BYTES
  /** After DECODE_BROKEN: what is wrong, for the ERROR frame and the log. */
  brokenDetail = ''

  /** Frames that `begin` found and `next` has not told of yet: where the first begins, and its place in `found`. */
  #ahead = 0
  #aheadAt = 0
  #aheadPlace = 0
  /** The scan that found them: `found` is another's as soon as another decoder begins, as a handler's own may. */
  #aheadScan = 0

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax
  }

  /**
   * Announces that the frames of memory[start, end) are asked for one after another, so that as many as may be are
   * looked for at once. From here to the last call of `next` it is asked of no other memory, and nothing in this one
   * changes but what `next` has told of.
   */
  begin(memory: Uint8Array, start: number, end: number): void {
    this.#ahead = scanFrames(memory, start, end, this.frameBytesMax)
    this.#aheadAt = start
    this.#aheadPlace = 0
    this.#aheadScan = scanNumber
  }

  /** Looks for one frame at the beginning of memory[start, end). */
  next(stream: DecodedStream, memory: Uint8Array, start: number, end: number): DecodeStatus {
    if (stream.brokenCode !== 0) return DECODE_BROKEN
    if (this.#ahead > 0 && start === this.#aheadAt && this.#aheadScan === scanNumber)
      return this.#nextAhead(memory, start, end)
    const available = end - start
    if (available < PREFIX_BYTES) {
      this.bytesNeeded = PREFIX_BYTES
      return DECODE_NEED_MORE
    }
    const header = readU16(memory, start)
    const kind = (header >>> KIND_SHIFT) & KIND_MASK
    const length = readU32(memory, start + 2)
    if (kind === KIND_RESERVED_FIRST || kind === KIND_RESERVED_LAST) {
      return this.#broken(stream, BAD_FRAME, `kind ${kind} is reserved`)
    }
    if (length > this.frameBytesMax) {
      return this.#broken(stream, FRAME_TOO_LARGE, `length ${length} is above the limit of ${this.frameBytesMax} bytes`)
    }
    if (available < length + FRAME_OVERHEAD_BYTES) {
      this.bytesNeeded = length + FRAME_OVERHEAD_BYTES
      return DECODE_NEED_MORE
    }
    const payloadEnd = start + PREFIX_BYTES + length
    if (crc32Signed(memory, start, payloadEnd) !== readI32(memory, payloadEnd))
      return this.#badCrc(stream, memory, start, payloadEnd)
    this.kind = kind
    this.route = header & ROUTE_MAX
    this.frameStart = start
    this.frameEnd = payloadEnd + CRC_BYTES
    this.bodyEnd = payloadEnd
    this.id = 0
    let at = start + PREFIX_BYTES
    this.metaStart = this.metaEnd = this.bodyStart = at
    if (header < FLAG_META && kind === KIND_MESSAGE) return DECODE_FRAME
    if (kind !== KIND_MESSAGE && kind !== KIND_CONTROL) {
      if (length < ID_BYTES) return this.#tooShort(stream, kind, length)
      this.id = readU32(memory, at)
      at += ID_BYTES
      this.metaStart = this.metaEnd = this.bodyStart = at
    }
    return this.#structure(stream, memory, header)
  }

  /** The next frame that was looked for already. */
  #nextAhead(memory: Uint8Array, start: number, end: number): DecodeStatus {
    const place = this.#aheadPlace
    const header = found[place] as number
    const frameEnd = start + (found[place + 1] as number)
    const isRequest = header >= FIRST_REQUEST
    this.kind = isRequest ? KIND_REQUEST : KIND_MESSAGE
    this.route = header & ROUTE_MAX
    this.id = (found[place + 2] as number) >>> 0
    this.frameStart = start
    this.frameEnd = frameEnd
    this.metaStart = this.metaEnd = this.bodyStart = start + (isRequest ? PREFIX_BYTES + ID_BYTES : PREFIX_BYTES)
    this.bodyEnd = frameEnd - CRC_BYTES
    this.#aheadAt = frameEnd
    this.#aheadPlace = place + FOUND_WORDS
    if (--this.#ahead === 0 && this.#aheadPlace === FOUND_MAX * FOUND_WORDS) this.begin(memory, frameEnd, end)
    return DECODE_FRAME
  }

  /** The rules of each kind, and the metadata block. */
  #structure(stream: DecodedStream, memory: Uint8Array, header: number): DecodeStatus {
    const { kind } = this
    const hasMeta = header >= FLAG_META
    if (kind === KIND_REQUEST && this.id === 0) return this.#broken(stream, BAD_FRAME, 'REQUEST with id 0')
    if (hasMeta && kind >= KIND_CANCEL) return this.#broken(stream, BAD_FRAME, `META on ${KIND_NAMES[kind]}`)
    if (kind === KIND_CANCEL && this.bodyStart !== this.bodyEnd) {
      return this.#broken(stream, BAD_FRAME, 'CANCEL with a body')
    }
    if (kind === KIND_CONTROL && this.route <= OPCODE_PONG && this.bodyEnd - this.bodyStart > PING_BYTES_MAX) {
      return this.#broken(stream, BAD_FRAME, `PING or PONG of more than ${PING_BYTES_MAX} bytes`)
    }
    return hasMeta ? this.#metadata(stream, memory) : DECODE_FRAME
  }

  #metadata(stream: DecodedStream, memory: Uint8Array): DecodeStatus {
    const block = this.bodyStart + META_LENGTH_BYTES
    if (block > this.bodyEnd) return this.#broken(stream, BAD_FRAME, 'no room for the length of the metadata block')
    const bytes = readU16(memory, this.bodyStart)
    if (bytes > META_BYTES_MAX) {
      return this.#broken(stream, BAD_FRAME, `metadata block of ${bytes} bytes, at most ${META_BYTES_MAX} are allowed`)
    }
    const blockEnd = block + bytes
    if (blockEnd > this.bodyEnd) return this.#broken(stream, BAD_FRAME, 'metadata block longer than the payload')
    if (!isMsgpackMap(memory, block, blockEnd)) {
      return this.#broken(stream, BAD_FRAME, 'metadata block that is no msgpack map')
    }
    if (scanMsgpack(memory, block, blockEnd, META_LIMITS) !== MSGPACK_OK) {
      return this.#broken(stream, BAD_FRAME, 'metadata block that is not one valid msgpack map')
    }
    this.metaStart = block
    this.metaEnd = this.bodyStart = blockEnd
    return DECODE_FRAME
  }

  #tooShort(stream: DecodedStream, kind: number, length: number): DecodeStatus {
    return this.#broken(
      stream,
      BAD_FRAME,
      `${KIND_NAMES[kind]} with a payload of ${length} bytes has no room for its id`,
    )
  }

  #badCrc(stream: DecodedStream, memory: Uint8Array, start: number, payloadEnd: number): DecodeStatus {
    const computed = crc32(memory, start, payloadEnd)
    return this.#broken(stream, BAD_CRC, `crc is ${hex(readU32(memory, payloadEnd))}, the bytes give ${hex(computed)}`)
  }

  #broken(stream: DecodedStream, code: number, detail: string): DecodeStatus {
    stream.brokenCode = code
    this.brokenDetail = detail
    return DECODE_BROKEN
  }
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}
