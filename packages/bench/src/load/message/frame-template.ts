/**
 * Owns one frame that is prepared once and stamped for every use.
 * Must not know: connections, sockets, time.
 * Invariant: a stamp changes the id, the connection number, the sequence number and the CRC, and nothing else; the
 * result is a valid frame.
 */
import { CRC_BYTES, crc32, frameBytesOf, ID_BYTES, kindHasId, openFrame, sealFrame } from '@shardwire/protocol'

import { CrcChange } from './crc-change.ts'
import { viewOf } from './template.ts'
import type { Template } from './template.ts'

export interface FrameForm {
  readonly kind: number
  readonly route: number
  readonly body: Uint8Array
  /** Whether connection and sequence are written into the body, as far as it has room. */
  readonly isStamped: boolean
}

/** Bodies from here on carry the sequence number, and from twice that the connection number before it. */
export const SEQUENCE_BYTES = 4
/** Offset of a field that the frame has no room for. */
const ABSENT = -1

export class FrameTemplate implements Template {
  readonly bytes: number
  readonly blank: Uint8Array
  readonly #idAt: number
  readonly #connectionAt: number
  readonly #sequenceAt: number
  readonly #crcAt: number
  readonly #blankCrc: number
  readonly #connectionChange: CrcChange
  readonly #sequenceChange: CrcChange

  constructor(form: FrameForm) {
    const { kind, body, isStamped } = form
    this.bytes = frameBytesOf(kind, body.length)
    this.#crcAt = this.bytes - CRC_BYTES
    const bodyAt = this.#crcAt - body.length
    this.#idAt = kindHasId(kind) ? bodyAt - ID_BYTES : ABSENT
    const fields = isStamped ? Math.min(2, Math.floor(body.length / SEQUENCE_BYTES)) : 0
    this.#connectionAt = fields === 2 ? bodyAt : ABSENT
    this.#sequenceAt = fields === 0 ? ABSENT : bodyAt + (fields - 1) * SEQUENCE_BYTES
    this.blank = blankFrame(this.bytes, form, fields * SEQUENCE_BYTES)
    this.#blankCrc = this.#crcOf(this.blank)
    const scratch = this.blank.slice()
    this.#connectionChange = new CrcChange((connection) => this.#crcStamped(scratch, connection, 0))
    this.#sequenceChange = new CrcChange((sequence) => this.#crcStamped(scratch, 0, sequence))
  }

  stamp(view: DataView, at: number, connection: number, sequence: number): void {
    const crc = this.#blankCrc ^ this.#connectionChange.of(connection) ^ this.#sequenceChange.of(sequence)
    this.#write(view, at, connection, sequence, crc)
  }

  fieldAt(offset: number): string {
    if (offset < 2) return 'header'
    if (offset < 6) return 'length'
    if (this.#idAt >= 0 && offset < this.#idAt + ID_BYTES) return 'id'
    return offset < this.#crcAt ? 'payload' : 'crc'
  }

  #write(view: DataView, at: number, connection: number, sequence: number, crc: number): void {
    if (this.#idAt >= 0) view.setUint32(at + this.#idAt, sequence)
    if (this.#connectionAt >= 0) view.setUint32(at + this.#connectionAt, connection)
    if (this.#sequenceAt >= 0) view.setUint32(at + this.#sequenceAt, sequence)
    view.setInt32(at + this.#crcAt, crc)
  }

  #crcStamped(scratch: Uint8Array, connection: number, sequence: number): number {
    this.#write(viewOf(scratch), 0, connection, sequence, 0)
    return this.#crcOf(scratch)
  }

  #crcOf(frame: Uint8Array): number {
    return crc32(frame, 0, this.#crcAt) | 0
  }
}

/** The frame with id, connection and sequence 0. */
function blankFrame(bytes: number, { kind, route, body }: FrameForm, stampBytes: number): Uint8Array {
  const frame = new Uint8Array(bytes)
  const bodyAt = openFrame(frame, 0, kind, route, 0)
  frame.set(body, bodyAt)
  frame.fill(0, bodyAt, bodyAt + stampBytes)
  sealFrame(frame, 0, bodyAt + body.length)
  return frame
}
