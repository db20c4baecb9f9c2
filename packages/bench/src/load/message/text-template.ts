/**
 * Owns one message of text that is prepared once and stamped for every use: a line, a piece of a raw stream, or a JSON
 * request.
 * Must not know: sockets, how an answer is found.
 * Invariant: connection and sequence are eight hexadecimal digits each, at fixed places; a message too short for both
 * carries the sequence's last digits, as many as fit.
 */
import { letters } from './template.ts'
import type { Template } from './template.ts'

const DIGITS = 8
const HEX = Buffer.from('0123456789abcdef')
const ABSENT = -1

export class TextTemplate implements Template {
  readonly bytes: number
  readonly blank: Uint8Array
  readonly #connectionAt: number
  readonly #sequenceAt: number
  readonly #sequenceDigits: number

  /** @param connectionAt offset of its digits, -1 for none */
  constructor(blank: Uint8Array, connectionAt: number, sequenceAt: number, sequenceDigits = DIGITS) {
    this.blank = blank
    this.bytes = blank.length
    this.#connectionAt = connectionAt
    this.#sequenceAt = sequenceAt
    this.#sequenceDigits = sequenceDigits
    this.stamp(new DataView(blank.buffer, blank.byteOffset, blank.byteLength), 0, 0, 0)
  }

  stamp(view: DataView, at: number, connection: number, sequence: number): void {
    if (this.#connectionAt >= 0) writeHex(view, at + this.#connectionAt, DIGITS, connection)
    if (this.#sequenceDigits > 0) writeHex(view, at + this.#sequenceAt, this.#sequenceDigits, sequence)
  }

  fieldAt(offset: number): string {
    if (this.#connectionAt >= 0 && isWithin(offset, this.#connectionAt, DIGITS)) return 'connection'
    return isWithin(offset, this.#sequenceAt, this.#sequenceDigits) ? 'sequence' : 'text'
  }
}

/** Digits and letters, and `delimiter` behind them. */
export function textMessage(payloadBytes: number, delimiter: string): TextTemplate {
  const blank = Buffer.concat([letters(payloadBytes), Buffer.from(delimiter)])
  if (payloadBytes >= 2 * DIGITS) return new TextTemplate(blank, 0, DIGITS)
  return new TextTemplate(blank, ABSENT, 0, Math.min(DIGITS, payloadBytes))
}

/** The JSON request `{"uid","route","val"}` and a newline; connection and sequence make its uid. */
export function jsonRequest(route: number, payloadBytes: number): TextTemplate {
  const uid = '0'.repeat(2 * DIGITS)
  const text = `{"uid":"${uid}","route":${route},"val":"${Buffer.from(letters(payloadBytes)).toString()}"}\n`
  const at = text.indexOf(uid)
  return new TextTemplate(Buffer.from(text), at, at + DIGITS)
}

/** The connection and sequence that a uid of ours names; undefined for any other text. */
export function uidOf(text: string): { readonly connection: number; readonly sequence: number } | undefined {
  if (!/^[0-9a-f]{16}$/.test(text)) return undefined
  return { connection: parseInt(text.slice(0, DIGITS), 16), sequence: parseInt(text.slice(DIGITS), 16) }
}

function writeHex(view: DataView, at: number, digits: number, value: number): void {
  for (let digit = digits - 1, rest = value; digit >= 0; digit--, rest >>>= 4) {
    view.setUint8(at + digit, HEX[rest & 15] as number)
  }
}

function isWithin(offset: number, start: number, length: number): boolean {
  return offset >= start && offset < start + length
}
