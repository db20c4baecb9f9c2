/**
 * Owns the maps of HELLO, WELCOME and GOAWAY: their types, their frames, and the check of one that came.
 * Must not know: when they are sent, or what an answer to a bad one looks like.
 * Invariant: a frame that was encoded here is one that the parser of its opcode takes. Parsers never throw: they give
 * undefined for a payload that is no such map, which the caller answers with BAD_FRAME. Unknown keys are ignored.
 */
import { ShardwireError } from './errors.ts'
import { KIND_CONTROL, OPCODE_GOAWAY, OPCODE_HELLO, OPCODE_WELCOME, PROTOCOL_VERSION } from './frame.ts'
import { encodeFrame } from './frame-encoder.ts'
import { decodeBody, encodeBody } from './msgpack/body.ts'
import { CONTROL_LIMITS } from './msgpack/limits.ts'
import { isRecord, isUnsigned } from './msgpack/record.ts'

/** Longest payload of a HELLO, WELCOME or GOAWAY, in bytes. */
export const CONTROL_BYTES_MAX = 8192
/** Longest name, version, server, connection or reason, in UTF-16 code units. */
export const CONTROL_TEXT_LENGTH_MAX = 256
/** Longest token, in bytes of UTF-8. */
export const TOKEN_BYTES_MAX = 4096

/** First frame of a client, optional. */
export interface Hello {
  /** Version of the wire protocol. Of a version other than ours nothing but the number is read. */
  readonly protocol: number
  /** Name of the client, at most 256 characters. */
  readonly name?: string | undefined
  /** Version of the client, at most 256 characters. */
  readonly version?: string | undefined
  /** What the service's authentication is given, at most 4096 bytes of UTF-8. */
  readonly token?: string | undefined
}

/** The server's answer to HELLO. */
export interface Welcome {
  readonly protocol: number
  /** Name and version of the server, at most 256 characters. */
  readonly server: string
  /** Unique over restarts, at most 256 characters. */
  readonly connection: string
  /** The worker's slot from 0. */
  readonly shard: number
  /** Largest payload, both ways, in bytes. */
  readonly maxFrameBytes: number
  /** Interval of silence after which the server sends a PING; 0 is off. */
  readonly heartbeatMs: number
}

/** When a client that was sent away may come back: at once, after a while, or when its application says so. */
export type GoawayRetry = 'now' | 'later' | 'never'

/** The server asks for no new requests on this connection. */
export interface Goaway {
  /** For people, at most 256 characters. */
  readonly reason: string
  readonly retry: GoawayRetry
  /** The first new attempt comes after this and a random part of jitterMs. */
  readonly retryAfterMs: number
  readonly jitterMs: number
  /** Time until the server ends the connection itself. */
  readonly deadlineMs: number
}

/** The HELLO frame. Throws a RangeError for a text or token above its limit. */
export function encodeHello(hello: Hello): Uint8Array {
  return encodeControl(OPCODE_HELLO, { ...hello }, readHello)
}

/** The WELCOME frame. Throws a RangeError for a text above its limit, or a number that is no unsigned integer. */
export function encodeWelcome(welcome: Welcome): Uint8Array {
  return encodeControl(OPCODE_WELCOME, { ...welcome }, readWelcome)
}

/** The GOAWAY frame. Throws a RangeError for a reason above its limit, or a number that is no unsigned integer. */
export function encodeGoaway(goaway: Goaway): Uint8Array {
  return encodeControl(OPCODE_GOAWAY, { ...goaway }, readGoaway)
}

/** The HELLO in memory[start, end), the payload of its frame; undefined when it is none. */
export function parseHello(memory: Uint8Array, start: number, end: number): Hello | undefined {
  return parseControl(memory, start, end, readHello)
}

/** The WELCOME in memory[start, end), the payload of its frame; undefined when it is none. */
export function parseWelcome(memory: Uint8Array, start: number, end: number): Welcome | undefined {
  return parseControl(memory, start, end, readWelcome)
}

/** The GOAWAY in memory[start, end), the payload of its frame; undefined when it is none. */
export function parseGoaway(memory: Uint8Array, start: number, end: number): Goaway | undefined {
  return parseControl(memory, start, end, readGoaway)
}

type Reader<Control> = (map: Record<string, unknown>) => Control | undefined

function encodeControl(route: number, map: Record<string, unknown>, read: Reader<object>): Uint8Array {
  const known = read(map)
  if (known === undefined) throw new RangeError(`control: opcode ${route} with a field beyond its limits`)
  return encodeFrame({ kind: KIND_CONTROL, route, body: encodeBody(known) })
}

function parseControl<Control>(
  memory: Uint8Array,
  start: number,
  end: number,
  read: Reader<Control>,
): Control | undefined {
  if (end - start > CONTROL_BYTES_MAX) return undefined
  try {
    const value = decodeBody(memory, start, end, CONTROL_LIMITS)
    return isRecord(value) ? read(value) : undefined
  } catch (error) {
    if (error instanceof ShardwireError) return undefined
    throw error
  }
}

function readHello(map: Record<string, unknown>): Hello | undefined {
  const { protocol, name, version, token } = map
  if (!isUnsigned(protocol)) return undefined
  if (protocol !== PROTOCOL_VERSION) return { protocol }
  if (!isOptional(name, isText) || !isOptional(version, isText) || !isOptional(token, isToken)) return undefined
  return { protocol, ...present('name', name), ...present('version', version), ...present('token', token) }
}

function readWelcome(map: Record<string, unknown>): Welcome | undefined {
  const { protocol, server, connection, shard, maxFrameBytes, heartbeatMs } = map
  if (!isUnsigned(protocol) || !isText(server) || !isText(connection)) return undefined
  if (!isUnsigned(shard) || !isUnsigned(maxFrameBytes) || !isUnsigned(heartbeatMs)) return undefined
  return { protocol, server, connection, shard, maxFrameBytes, heartbeatMs }
}

function readGoaway(map: Record<string, unknown>): Goaway | undefined {
  const { reason, retry, retryAfterMs, jitterMs, deadlineMs } = map
  if (!isText(reason) || !isRetry(retry)) return undefined
  if (!isUnsigned(retryAfterMs) || !isUnsigned(jitterMs) || !isUnsigned(deadlineMs)) return undefined
  return { reason, retry, retryAfterMs, jitterMs, deadlineMs }
}

/** Many encoders write nil for what is not set, so nil is as good as absent. */
function isOptional(value: unknown, is: (value: unknown) => value is string): value is string | null | undefined {
  return value === undefined || value === null || is(value)
}

function present<Key extends string>(key: Key, value: string | null | undefined): { [K in Key]?: string } {
  return value === undefined || value === null ? {} : ({ [key]: value } as { [K in Key]?: string })
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= CONTROL_TEXT_LENGTH_MAX
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= TOKEN_BYTES_MAX
}

function isRetry(value: unknown): value is GoawayRetry {
  return value === 'now' || value === 'later' || value === 'never'
}
