/**
 * Owns the connection of the hand-written peer: what one writes on `node:net` in an afternoon, with nothing clever.
 * 'data' events, Buffer.concat for what is left over, a frame as an object, zlib's CRC checked and computed anew.
 * Must not know: shardwire's code.
 */
import { crc32 } from 'node:zlib'

const PREFIX_BYTES = 6
const CRC_BYTES = 4
const ID_BYTES = 4
const KIND_MESSAGE = 0
const KIND_REQUEST = 1
const KIND_RESPONSE = 2
const ROUTE_ECHO = 1
const PAYLOAD_BYTES_MAX = 1_048_576

/** @typedef {{ kind: number, route: number, payload: Buffer }} Frame */

/**
 * @param {Frame} frame
 * @returns {Buffer}
 */
function encode({ kind, route, payload }) {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + payload.length + CRC_BYTES)
  bytes.writeUInt16BE((kind << 12) | route, 0)
  bytes.writeUInt32BE(payload.length, 2)
  payload.copy(bytes, PREFIX_BYTES)
  const end = PREFIX_BYTES + payload.length
  bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end)
  return bytes
}

/**
 * The answer of the echo service; undefined for a frame that has none.
 * @param {Frame} frame
 * @returns {Frame | undefined}
 */
function echo({ kind, route, payload }) {
  if (route !== ROUTE_ECHO) return undefined
  if (kind === KIND_MESSAGE) return { kind, route, payload }
  if (kind === KIND_REQUEST && payload.length >= ID_BYTES) return { kind: KIND_RESPONSE, route, payload }
  return undefined
}

/** @param {import('node:net').Socket} socket */
export function serve(socket) {
  /** @type {Buffer} */
  let pending = Buffer.alloc(0)
  socket.setNoDelay(true)
  // A reset needs no answer; without a listener it would end the process.
  socket.on('error', () => socket.destroy())
  socket.on('data', (/** @type {Buffer} */ chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length >= PREFIX_BYTES) {
      const header = pending.readUInt16BE(0)
      const length = pending.readUInt32BE(2)
      if (length > PAYLOAD_BYTES_MAX) return void socket.destroy()
      const end = PREFIX_BYTES + length
      if (pending.length < end + CRC_BYTES) return
      if (crc32(pending.subarray(0, end)) !== pending.readUInt32BE(end)) return void socket.destroy()
      const frame = { kind: (header >> 12) & 7, route: header & 0x0fff, payload: pending.subarray(PREFIX_BYTES, end) }
      const answer = echo(frame)
      if (answer !== undefined) socket.write(encode(answer))
      pending = pending.subarray(end + CRC_BYTES)
    }
  })
}
