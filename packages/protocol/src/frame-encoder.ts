/**
 * Owns the way from the fields of a frame to its bytes, written in place into memory of the caller.
 * Must not know: the decoder, sockets, who owns the memory.
 * Invariant: a frame is written front to back, length and CRC last, so a half-written one is never valid; the caller
 * has made sure of `frameBytes(payload)` bytes of room.
 */
import { copyBytes, writeU16, writeU32 } from './bytes.ts'
import { crc32Signed } from './crc/crc32.ts'
import {
  CRC_BYTES,
  FLAG_META,
  frameBytes,
  ID_BYTES,
  kindHasId,
  META_BYTES_MAX,
  META_LENGTH_BYTES,
  PREFIX_BYTES,
} from './frame.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * Begins a frame without metadata at `at`: header, and the id where the kind has one. The caller writes the body at the
 * offset returned, then calls `sealFrame`.
 */
export function openFrame(memory: Uint8Array, at: number, kind: number, route: number, id: number): number {
  writeU16(memory, at, (kind << 12) | route)
  const payload = at + PREFIX_BYTES
  if (!kindHasId(kind)) return payload
  writeU32(memory, payload, id)
  return payload + ID_BYTES
}

/** Ends the frame that begins at `at` and whose body ends at `bodyEnd`. @returns the offset behind the frame */
export function sealFrame(memory: Uint8Array, at: number, bodyEnd: number): number {
  writeU32(memory, at + 2, bodyEnd - at - PREFIX_BYTES)
  writeU32(memory, bodyEnd, crc32Signed(memory, at, bodyEnd))
  return bodyEnd + CRC_BYTES
}

/** Bytes that `writeFrame` will write. */
export function frameBytesOf(kind: number, bodyBytes: number): number {
  return frameBytes(bodyBytes + (kindHasId(kind) ? ID_BYTES : 0))
}

/** Writes one frame without metadata, its body copied from source[start, end). @returns the offset behind the frame */
export function writeFrame(
  memory: Uint8Array,
  at: number,
  kind: number,
  route: number,
  id: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  const body = openFrame(memory, at, kind, route, id)
  copyBytes(source, start, end, memory, body)
  return sealFrame(memory, at, body + end - start)
}

/** A frame as an object, for whoever may afford one: clients, tests, control frames. */
export interface Frame {
  readonly kind: number
  /** 0 to 4095; for CONTROL frames the opcode. */
  readonly route: number
  /** 0 to 4294967295, written only where the kind has an id. */
  readonly id?: number
  /** The metadata block: one encoded msgpack map, at most 4096 bytes. */
  readonly meta?: Uint8Array
  readonly body?: Uint8Array
}

/** The bytes of one frame, in memory of their own. Throws a RangeError for a metadata block above its limit. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { kind, route, id = 0, meta, body = NO_BYTES } = frame
  if (meta !== undefined && meta.length > META_BYTES_MAX) {
    throw new RangeError(`metadata block of ${meta.length} bytes, at most ${META_BYTES_MAX} are allowed`)
  }
  const metaBytes = meta === undefined ? 0 : META_LENGTH_BYTES + meta.length
  const memory = new Uint8Array(frameBytesOf(kind, metaBytes + body.length))
  let at = openFrame(memory, 0, kind, route, id)
  if (meta !== undefined) {
    writeU16(memory, 0, FLAG_META | (kind << 12) | route)
    writeU16(memory, at, meta.length)
    memory.set(meta, at + META_LENGTH_BYTES)
    at += metaBytes
  }
  memory.set(body, at)
  sealFrame(memory, 0, at + body.length)
  return memory
}
