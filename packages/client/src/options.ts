/**
 * Owns the options of a connection: what a caller may say, what holds otherwise, what is refused.
 * Must not know: what an option leads to.
 * Invariant: complete options are valid; nothing behind this file checks them again.
 */
import { encodeHello, FRAME_BYTES_MAX_DEFAULT, FRAME_OVERHEAD_BYTES, PROTOCOL_VERSION } from '@shardwire/protocol'
import type { Clock, Hello } from '@shardwire/protocol'
import type { LookupFunction } from 'node:net'
import { types } from 'node:util'
import { ClientError } from './client-error.ts'
import { systemClock } from './clock.ts'
import type { ConnectionListeners } from './connection-api.ts'

/** How to connect. Times are in milliseconds, integers from 1 to 2147483647. */
export interface ConnectOptions extends ConnectionListeners {
  /** Name or address. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** For resolving, connecting and HELLO together; 5000. */
  readonly timeoutMs?: number | undefined
  /** How long a request waits for its answer unless it says otherwise; 3000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a closing connection waits for the server to take the rest and to send its FIN; 5000. */
  readonly closeTimeoutMs?: number | undefined
  /** Largest payload both ways, in bytes, at least 1024; 1048576. The server's limit holds where it is smaller. */
  readonly maxFrameBytes?: number | undefined
  /** Requests waiting for their answers, cancelled ones included; 65536. */
  readonly maxInFlight?: number | undefined
  /** From this many buffered bytes on `send` returns false; 262144. */
  readonly highWaterBytes?: number | undefined
  /** Most bytes buffered for a server that does not read; 16777216. More is BACKLOG_FULL. */
  readonly maxBufferedBytes?: number | undefined
  /** Idle time until TCP asks whether the other end is still there; 30000. 0 is never. */
  readonly keepAliveMs?: number | undefined
  /** Silence of the server after which it is sent a PING, and time from one PING to the next; 5000. 0 is never. */
  readonly heartbeatMs?: number | undefined
  /** How long a PING goes unanswered until the connection is suspect; 3000. */
  readonly suspectMs?: number | undefined
  /** Unanswered PINGs after which the connection is lost, when the last has gone heartbeatMs; 1 to 100, 3. */
  readonly heartbeatMisses?: number | undefined
  /** What is said about the client, answered by `Connection.welcome`; false for saying nothing. */
  readonly hello?: false | Omit<Hello, 'protocol'> | undefined
  /** Ends the attempt to connect; of no consequence once connected. */
  readonly signal?: AbortSignal | undefined
  /** The system's by default. */
  readonly clock?: Clock | undefined
  /** How a name is resolved; the system's way by default. */
  readonly lookup?: LookupFunction | undefined
}

/** Options with nothing left open. */
export interface CompleteOptions {
  readonly host: string
  readonly port: number
  /** `host:port`, for messages. */
  readonly target: string
  readonly timeoutMs: number
  readonly requestTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly maxFrameBytes: number
  readonly maxInFlight: number
  readonly highWaterBytes: number
  readonly maxBufferedBytes: number
  readonly keepAliveMs: number
  readonly heartbeatMs: number
  readonly suspectMs: number
  readonly heartbeatMisses: number
  /** The encoded frame; undefined where none is sent. */
  readonly helloFrame: Uint8Array | undefined
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  readonly lookup: LookupFunction | undefined
  readonly listeners: ConnectionListeners
}

const HEARTBEAT_MISSES_MAX = 100
/** Longest delay that the system's timers take. */
const DELAY_MS_MAX = 0x7fff_ffff
/** As the server's own least limit: below it not even every ERROR would come through. */
const FRAME_BYTES_MAX_LEAST = 1024
/** A frame's length is a u32, but no machine needs more than this at once. */
const FRAME_BYTES_MAX = 0x4000_0000

/** Fills in what is missing. Throws a ClientError INVALID_OPTION naming the option, its value and what is expected. */
export function completeOptions(options: ConnectOptions): CompleteOptions {
  const { host, port, signal, lookup, clock = systemClock } = options
  if (typeof host !== 'string' || host === '') throw invalid('host', host, 'a name or an address')
  const complete: CompleteOptions = {
    host,
    port: integer('port', port, 1, 65_535),
    target: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    timeoutMs: checkDelayMs('timeoutMs', options.timeoutMs ?? 5000),
    requestTimeoutMs: checkDelayMs('requestTimeoutMs', options.requestTimeoutMs ?? 3000),
    closeTimeoutMs: checkDelayMs('closeTimeoutMs', options.closeTimeoutMs ?? 5000),
    maxFrameBytes: checkFrameBytesMax(options.maxFrameBytes ?? FRAME_BYTES_MAX_DEFAULT),
    maxInFlight: integer('maxInFlight', options.maxInFlight ?? 65_536, 1, 1_048_576),
    highWaterBytes: integer('highWaterBytes', options.highWaterBytes ?? 262_144, 1, Number.MAX_SAFE_INTEGER),
    maxBufferedBytes: integer('maxBufferedBytes', options.maxBufferedBytes ?? 16_777_216, 1, Number.MAX_SAFE_INTEGER),
    keepAliveMs: integer('keepAliveMs', options.keepAliveMs ?? 30_000, 0, DELAY_MS_MAX),
    heartbeatMs: integer('heartbeatMs', options.heartbeatMs ?? 5000, 0, DELAY_MS_MAX),
    suspectMs: checkDelayMs('suspectMs', options.suspectMs ?? 3000),
    heartbeatMisses: integer('heartbeatMisses', options.heartbeatMisses ?? 3, 1, HEARTBEAT_MISSES_MAX),
    helloFrame: helloFrame(options.hello ?? {}),
    signal,
    clock,
    lookup,
    listeners: options,
  }
  checkPairs(complete)
  return complete
}

/** The delay itself. Throws a ClientError INVALID_OPTION unless it is an integer from 1 to 2147483647. */
export function checkDelayMs(name: string, valueMs: number): number {
  return integer(name, valueMs, 1, DELAY_MS_MAX)
}

/** The integer itself. Throws a ClientError INVALID_OPTION unless it is one from `min` to `max`. */
export function integer(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, value, `an integer from ${min} to ${max}`)
  }
  return value
}

/**
 * Throws a ClientError INVALID_OPTION unless the body is a Uint8Array: anything else with a length would be sent as
 * that many wrong bytes. Says what kind of thing it got, not its value, which may be long or secret.
 */
export function checkBody(body: unknown): void {
  if (types.isUint8Array(body)) return
  const what = typeof body === 'string' ? 'a string (TextEncoder makes bytes of it)' : kindOf(body)
  throw new ClientError('INVALID_OPTION', `body: expected a Uint8Array, got ${what}; for a value use the msgpack call`)
}

function checkFrameBytesMax(bytes: number): number {
  return integer('maxFrameBytes', bytes, FRAME_BYTES_MAX_LEAST, FRAME_BYTES_MAX)
}

function checkPairs(options: CompleteOptions): void {
  const { highWaterBytes, maxBufferedBytes, maxFrameBytes } = options
  if (maxBufferedBytes < highWaterBytes) {
    throw invalid('maxBufferedBytes', maxBufferedBytes, `at least highWaterBytes (${highWaterBytes})`)
  }
  if (maxBufferedBytes < maxFrameBytes + FRAME_OVERHEAD_BYTES) {
    throw invalid('maxBufferedBytes', maxBufferedBytes, `room for one frame of maxFrameBytes (${maxFrameBytes})`)
  }
}

function helloFrame(hello: false | Omit<Hello, 'protocol'>): Uint8Array | undefined {
  if (hello === false) return undefined
  const { name, version, token } = hello
  try {
    return encodeHello({ protocol: PROTOCOL_VERSION, name, version, token })
  } catch (cause) {
    // Its values are not repeated: one of them may be a token.
    const what = 'name and version of at most 256 characters and a token of at most 4096 bytes'
    throw new ClientError('INVALID_OPTION', `hello: expected ${what}`, { cause })
  }
}

/** The type of a value or, of an object, its class. */
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a ${typeof value}`
  // An object without a prototype has none.
  const made: unknown = value.constructor
  return typeof made === 'function' && made.name !== '' ? `an instance of ${made.name}` : 'an object'
}

/** What an option is refused with. */
export function invalid(name: string, value: unknown, expected: string): ClientError {
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new ClientError('INVALID_OPTION', `${name}: expected ${expected}, got ${given}`)
}
