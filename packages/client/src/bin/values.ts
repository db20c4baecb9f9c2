/**
 * Owns how bodies are written in a shell, and how they look there.
 * Must not know: commands, connections.
 * Invariant: what is shown of a value can be written again, and is the same value then. Values that JSON lacks are
 * tagged, as in the protocol's test vectors: `{"$bytes": hex}`, `{"$timestamp": RFC 3339}`, `{"$bigint": decimal}`.
 */
import { decodeBody, encodeBody } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { Message } from '../connection-api.ts'

export const BODY_FORMS = ['json', 'text', 'hex', 'none'] as const
/** How a body is written: a value, text, bytes, or nothing. */
export type BodyForm = (typeof BODY_FORMS)[number]

export const ANSWER_FORMS = ['json', 'text', 'hex'] as const
export type AnswerForm = (typeof ANSWER_FORMS)[number]

/** What is wrong with a text, in words for people. */
export class BodyError extends Error {}

/** The bytes that go out in a frame. Throws a BodyError. */
export function frameBodyOf(text: string | undefined, form: BodyForm): Uint8Array {
  if (form === 'none' || text === undefined) return new Uint8Array(0)
  if (form === 'text') return new TextEncoder().encode(text)
  if (form === 'hex') return bytesOfHex(text)
  return encodeBody(valueOfText(text))
}

/** The value that goes out over JSON. Throws a BodyError. */
export function jsonBodyOf(text: string | undefined, form: BodyForm): unknown {
  if (form === 'none' || text === undefined) return null
  if (form === 'text') return text
  if (form === 'hex') throw new BodyError('JSON carries no bytes: use --body text, or frames')
  return parseJson(text)
}

/** What came in a frame, as it is shown. Throws a ClientError BAD_ANSWER where that is a value, and none came. */
export function shownFrameBody(bytes: Uint8Array, form: AnswerForm): string {
  if (form === 'hex') return hexOf(bytes)
  if (form === 'text') return Buffer.from(bytes).toString('utf8')
  if (bytes.length === 0) return ''
  try {
    return shownValue(decodeBody(bytes, 0, bytes.length))
  } catch (cause) {
    const message = `the ${bytes.length} bytes that came are no msgpack; --answer text or hex shows them as they are`
    throw new ClientError('BAD_ANSWER', message, { cause })
  }
}

/** The value of a message, to be written as JSON; of one that has none, its bytes. */
export function shownMessageValue(message: Message): unknown {
  try {
    return tagged(message.value()) ?? null
  } catch (error) {
    if (error instanceof ClientError) return tagged(message.body)
    throw error
  }
}

/** A value as one line of JSON. */
export function shownValue(value: unknown): string {
  return JSON.stringify(tagged(value)) ?? ''
}

/** How an answer is shown unless told otherwise: as the body was written. */
export function answerFormOf(form: BodyForm): AnswerForm {
  return form === 'none' ? 'json' : form
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BodyError(`the body is no JSON (${why}); for text write '"text"', or --body text`)
  }
}

function valueOfText(text: string): unknown {
  return untagged(parseJson(text))
}

function bytesOfHex(text: string): Uint8Array {
  const digits = text.replaceAll(/[\s_]/g, '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new BodyError('the body is no hex: expected an even number of digits')
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (value instanceof Uint8Array) return { $bytes: hexOf(value) }
  if (value instanceof Date) return { $timestamp: value.toISOString() }
  if (Array.isArray(value)) return value.map(tagged)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, tagged(one)]))
}

function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [[key, tag] = []] = entries
  if (entries.length === 1 && typeof tag === 'string') {
    if (key === '$bytes') return bytesOfHex(tag)
    if (key === '$bigint' && /^-?\d+$/.test(tag)) return BigInt(tag)
    if (key === '$timestamp') return timestampOf(tag)
  }
  return Object.fromEntries(entries.map(([name, one]) => [name, untagged(one)]))
}

function timestampOf(text: string): Date {
  const date = new Date(text)
  if (!Number.isNaN(date.getTime())) return date
  throw new BodyError(`the body has a $timestamp that is none: ${JSON.stringify(text)}`)
}
