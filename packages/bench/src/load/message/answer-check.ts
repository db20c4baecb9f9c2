/**
 * Owns the comparison of an answer with the message that must come back, every byte of it.
 * Must not know: which answer is due, or what a difference leads to.
 * Invariant: `expect` sets the whole message before any comparison; equal to it means that header, length, id,
 * connection, sequence, payload and CRC are all right, since that message's own CRC is.
 */
import { viewOf } from './template.ts'
import type { Template } from './template.ts'

/** From this length on one native comparison (about 75 ns and then memory speed) beats words in JavaScript. */
const NATIVE_BYTES_MIN = 256

export class AnswerCheck {
  readonly bytes: number
  readonly #template: Template
  readonly #expected: Buffer
  readonly #view: DataView
  readonly #memory: Uint8Array
  readonly #memoryView: DataView

  /** @param memory where answers are read into; `matches` looks there */
  constructor(template: Template, memory: Uint8Array) {
    this.bytes = template.bytes
    this.#template = template
    this.#expected = Buffer.from(template.blank)
    this.#view = viewOf(this.#expected)
    this.#memory = memory
    this.#memoryView = viewOf(memory)
  }

  /** Sets what must come. */
  expect(connection: number, sequence: number): void {
    this.#template.stamp(this.#view, 0, connection, sequence)
  }

  /** Whether the message expected stands at `at`; the caller has made sure that so many bytes are there. */
  matches(at: number): boolean {
    const bytes = this.#expected.length
    if (bytes >= NATIVE_BYTES_MIN) return this.#expected.compare(this.#memory, at, at + bytes) === 0
    const view = this.#memoryView
    const expected = this.#view
    let offset = 0
    for (const last = bytes - 4; offset <= last; offset += 4) {
      if (view.getInt32(at + offset, true) !== expected.getInt32(offset, true)) return false
    }
    for (; offset < bytes; offset++) if (view.getUint8(at + offset) !== expected.getUint8(offset)) return false
    return true
  }

  /**
   * Offset of the first byte of memory[start, end) that differs from the message expected, or at which one of the two
   * ends; -1 when they are the same.
   */
  firstDifference(memory: Uint8Array, start: number, end: number): number {
    const expected = this.#expected
    if (expected.compare(memory, start, end) === 0) return -1
    const bytes = Math.min(expected.length, end - start)
    for (let offset = 0; offset < bytes; offset++) if (memory[start + offset] !== expected[offset]) return offset
    return bytes
  }

  /** Up to `bytes` bytes of the message expected from `offset` on, as hex. */
  expectedHex(offset: number, bytes: number): string {
    return this.#expected.toString('hex', offset, offset + bytes)
  }

  /** Name of the field that a byte of the answer belongs to. */
  fieldAt(offset: number): string {
    return this.#template.fieldAt(offset)
  }
}
