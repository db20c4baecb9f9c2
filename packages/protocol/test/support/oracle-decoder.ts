/**
 * Owns a second opinion on frames: the rules of docs/protocol.md written down once more, slowly, over a whole stream.
 * Must not know: the decoder under test, or any of its helpers.
 * Invariant: takes the stream at once and keeps nothing, so that no state can hide a fault.
 */
import { crc32 } from 'node:zlib'
import { isOneValue } from './oracle-msgpack.ts'

export interface OracleFrame {
  readonly kind: number
  readonly route: number
  readonly id: number
  /** Hex of the metadata block; undefined without META. */
  readonly meta: string | undefined
  readonly body: string
}

export interface OracleResult {
  readonly frames: readonly OracleFrame[]
  /** The error code that ended the stream, 0 for none. */
  readonly code: number
  /** Bytes of the frame that is not whole yet. */
  readonly rest: number
}

/** Everything that a stream says. */
export function decodeStream(stream: Uint8Array, frameBytesMax: number): OracleResult {
  const frames: OracleFrame[] = []
  let rest = Buffer.from(stream)
  while (rest.length >= 6) {
    const result = decodeOne(rest, frameBytesMax)
    if (result === 'cut') break
    if (typeof result === 'number') return { frames, code: result, rest: rest.length }
    frames.push(result)
    rest = rest.subarray(10 + rest.readUInt32BE(2))
  }
  return { frames, code: 0, rest: rest.length }
}

function decodeOne(bytes: Buffer, frameBytesMax: number): OracleFrame | 'cut' | number {
  const header = bytes.readUInt16BE(0)
  const kind = Math.floor(header / 4096) % 8
  const length = bytes.readUInt32BE(2)
  if (kind === 5 || kind === 6) return 1
  if (length > frameBytesMax) return 3
  if (bytes.length < length + 10) return 'cut'
  if (crc32(bytes.subarray(0, 6 + length)) !== bytes.readUInt32BE(6 + length)) return 2
  return splitPayload(bytes.subarray(6, 6 + length), kind, header % 4096, header >= 0x8000) ?? 1
}

function splitPayload(payload: Buffer, kind: number, route: number, hasMeta: boolean): OracleFrame | undefined {
  const idBytes = [1, 2, 3, 4].includes(kind) ? 4 : 0
  if (payload.length < idBytes) return undefined
  const id = idBytes === 0 ? 0 : payload.readUInt32BE(0)
  const after = payload.subarray(idBytes)
  if (kind === 1 && id === 0) return undefined
  if (hasMeta && (kind === 4 || kind === 7)) return undefined
  if (kind === 4 && after.length > 0) return undefined
  if (kind === 7 && route < 2 && after.length > 125) return undefined
  if (!hasMeta) return { kind, route, id, meta: undefined, body: after.toString('hex') }
  if (after.length < 2 || after.length < 2 + after.readUInt16BE(0)) return undefined
  const block = after.subarray(2, 2 + after.readUInt16BE(0))
  if (!isMetadata(block)) return undefined
  return { kind, route, id, meta: block.toString('hex'), body: after.subarray(2 + block.length).toString('hex') }
}

function isMetadata(block: Buffer): boolean {
  if (block.length === 0 || block.length > 4096) return false
  const first = block.readUInt8(0)
  const isMap = (first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf
  return isMap && isOneValue(block, { depthMax: 4, elementsMax: Infinity, bigint: false })
}
