/**
 * Owns the frame that the load sends and the one that must come back: prepared once, stamped for every use.
 * Must not know: connections, sockets, time.
 * Invariant: both frames have the same length and differ in the header and the CRC only. A stamp changes the id, the
 * connection number, the sequence number and the CRC, and nothing else; the result is a valid frame.
 */
import {
  CRC_BYTES,
  crc32,
  frameBytesOf,
  ID_BYTES,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  openFrame,
  sealFrame,
} from '@shardwire/protocol'

import type { LoadMode } from '../messages.ts'
import { CrcChange } from './crc-change.ts'

export interface FrameShape {
  readonly mode: LoadMode
  readonly route: number
  readonly payloadBytes: number
}

/** Payloads from here on carry the sequence number, and from twice that the connection number before it. */
export const SEQUENCE_BYTES = 4
/** Offset of a field that the frame has no room for. */
const ABSENT = -1

export class FrameTemplate {
  readonly frameBytes: number
  /** The two frames with connection and sequence 0. */
  readonly request: Uint8Array
  readonly answer: Uint8Array
  /** XOR that makes the CRC of a frame sent the CRC of its answer. */
  readonly answerCrcFlip: number
  readonly #idAt: number
  readonly #connectionAt: number
  readonly #sequenceAt: number
  readonly #crcAt: number
  readonly #blankCrc: number
  readonly #connectionChange: CrcChange
  readonly #sequenceChange: CrcChange

  constructor(shape: FrameShape) {
    const hasId = shape.mode === 'request'
    const kind = hasId ? KIND_REQUEST : KIND_MESSAGE
    this.request = blankFrame(kind, shape)
    this.answer = blankFrame(hasId ? KIND_RESPONSE : KIND_MESSAGE, shape)
    this.frameBytes = this.request.length
    this.#crcAt = this.frameBytes - CRC_BYTES
    const bodyAt = this.#crcAt - shape.payloadBytes
    this.#idAt = hasId ? bodyAt - ID_BYTES : ABSENT
    const hasConnection = shape.payloadBytes >= 2 * SEQUENCE_BYTES
    this.#connectionAt = hasConnection ? bodyAt : ABSENT
    this.#sequenceAt = sequenceOffset(bodyAt, shape.payloadBytes)
    this.#blankCrc = this.#crcOf(this.request)
    this.answerCrcFlip = this.#crcOf(this.answer) ^ this.#blankCrc
    const scratch = this.request.slice()
    this.#connectionChange = new CrcChange((connection) => this.#crcStamped(scratch, connection, 0))
    this.#sequenceChange = new CrcChange((sequence) => this.#crcStamped(scratch, 0, sequence))
  }

  /** CRC of the frame that `connection` sends with sequence 0: what `crcFor` begins with. */
  connectionCrc(connection: number): number {
    return this.#blankCrc ^ this.#connectionChange.of(connection)
  }

  /** CRC of the frame with this sequence number, as a signed 32-bit integer. */
  crcFor(connectionCrc: number, sequence: number): number {
    return connectionCrc ^ this.#sequenceChange.of(sequence)
  }

  /** Makes the template that stands at `at` the frame of this connection and sequence. */
  stamp(view: DataView, at: number, connection: number, sequence: number, crc: number): void {
    if (this.#idAt >= 0) view.setUint32(at + this.#idAt, sequence)
    if (this.#connectionAt >= 0) view.setUint32(at + this.#connectionAt, connection)
    if (this.#sequenceAt >= 0) view.setUint32(at + this.#sequenceAt, sequence)
    view.setInt32(at + this.#crcAt, crc)
  }

  /** Name of the field that a byte of the frame belongs to, for messages. */
  fieldAt(offset: number): string {
    if (offset < 2) return 'header'
    if (offset < 6) return 'length'
    if (this.#idAt >= 0 && offset < this.#idAt + ID_BYTES) return 'id'
    return offset < this.#crcAt ? 'payload' : 'crc'
  }

  #crcStamped(scratch: Uint8Array, connection: number, sequence: number): number {
    this.stamp(viewOf(scratch), 0, connection, sequence, 0)
    return this.#crcOf(scratch)
  }

  #crcOf(frame: Uint8Array): number {
    return crc32(frame, 0, this.#crcAt) | 0
  }
}

function sequenceOffset(bodyAt: number, payloadBytes: number): number {
  if (payloadBytes >= 2 * SEQUENCE_BYTES) return bodyAt + SEQUENCE_BYTES
  return payloadBytes >= SEQUENCE_BYTES ? bodyAt : ABSENT
}

/** A whole frame with id, connection and sequence 0; its payload are letters, which a packet capture shows. */
function blankFrame(kind: number, shape: FrameShape): Uint8Array {
  const frame = new Uint8Array(frameBytesOf(kind, shape.payloadBytes))
  const bodyAt = openFrame(frame, 0, kind, shape.route, 0)
  const bodyEnd = bodyAt + shape.payloadBytes
  for (let at = bodyAt; at < bodyEnd; at++) frame[at] = 97 + ((at - bodyAt) % 26)
  const stampBytes = Math.min(2, Math.floor(shape.payloadBytes / SEQUENCE_BYTES)) * SEQUENCE_BYTES
  frame.fill(0, bodyAt, bodyAt + stampBytes)
  sealFrame(frame, 0, bodyEnd)
  return frame
}

export function viewOf(memory: Uint8Array): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
}
