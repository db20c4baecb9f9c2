/**
 * Owns the options of a connection: what a caller may say, what holds otherwise, what is refused.
 * Must not know: what an option leads to.
 * Invariant: complete options are valid; nothing behind this file checks them again.
 */
import { encodeHello, FRAME_BYTES_MAX_DEFAULT, FRAME_OVERHEAD_BYTES, PROTOCOL_VERSION } from '@shardwire/protocol'
import type { Clock, Hello } from '@shardwire/protocol'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { checkDelayMs, checkRoute, DELAY_MS_MAX, integer, invalid, oneOf } from './checks.ts'
import { ClientError } from './client-error.ts'
import { systemClock } from './clock.ts'
import type { ConnectionListeners } from './connection-api.ts'
import { LookupResolver, systemResolver } from './resolve/lookup-resolver.ts'
import type { Resolver } from './resolve/resolver.ts'
import type { RequestHandler } from './serve/server-request.ts'
import { TlsClient } from './tls/tls-client.ts'
import type { RequestTrace } from './trace/request-trace.ts'
import type { TlsOptions } from './tls/tls-options.ts'

/** How to connect. Times are in milliseconds, integers from 1 to 2147483647. */
export type ConnectOptions = ConnectionOptions & (TcpTarget | UnixTarget)

export interface TcpTarget {
  /** Name or address. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  readonly path?: undefined
}

export interface UnixTarget {
  /** Of a Unix socket. */
  readonly path: string
  readonly host?: undefined
  readonly port?: undefined
}

/** How the way to the server is found and opened. */
export interface DialOptions {
  /** For resolving, connecting, TLS and HELLO together; 5000. */
  readonly timeoutMs?: number | undefined
  /** Ends the attempt to connect; of no consequence once connected. */
  readonly signal?: AbortSignal | undefined
  /** How names become addresses: a `DnsResolver`, say; the system's way by default. Share one among connections. */
  readonly resolver?: Resolver | undefined
  /** As a resolver, a function like `dns.lookup`. */
  readonly lookup?: LookupFunction | undefined
  /** How long an address is tried alone before the next one is tried beside it; 250. */
  readonly attemptDelayMs?: number | undefined
  /** An address of this machine to connect from; only servers' addresses of its family are tried then. */
  readonly localAddress?: string | undefined
  /** 1 to 65535; any free one unless set. */
  readonly localPort?: number | undefined
  /** Idle time until TCP asks whether the other end is still there; 30000. 0 is never. */
  readonly keepAliveMs?: number | undefined
  /** Whether small packets leave at once; true. */
  readonly noDelay?: boolean | undefined
  /** True for TLS with what Node trusts; a `TlsClient` shares certificates and sessions among connections. */
  readonly tls?: boolean | TlsOptions | TlsClient | undefined
  /** Is given the socket once TCP is connected, before anything is sent; for options that are not here. */
  readonly onSocket?: ((socket: Socket) => void) | undefined
}

/** All but where to. */
export interface ConnectionOptions extends ConnectionListeners, DialOptions {
  /** How long a request waits for its answer unless it says otherwise; 3000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a closing connection waits for the server to take the rest and to send its FIN; 5000. */
  readonly closeTimeoutMs?: number | undefined
  /** Largest payload both ways, in bytes, at least 1024; 1048576. The server's limit holds where it is smaller. */
  readonly maxFrameBytes?: number | undefined
  /** Requests waiting for their answers, cancelled ones included; 65536. */
  readonly maxInFlight?: number | undefined
  /** Who answers REQUESTs that the server sends, by route; `Connection.handle` changes them. */
  readonly handlers?: Readonly<Record<number, RequestHandler>> | undefined
  /** REQUESTs of the server that are handled at once; 1024. More are answered OVERLOADED. */
  readonly maxHandlers?: number | undefined
  /** How long a handler has to answer, unless the server gives it less; 30000. */
  readonly handlerTimeoutMs?: number | undefined
  /** From this many buffered bytes on `send` returns false; 262144. */
  readonly highWaterBytes?: number | undefined
  /** Most bytes buffered for a server that does not read; 16777216. More is BACKLOG_FULL. */
  readonly maxBufferedBytes?: number | undefined
  /**
   * Silence of the server after which it is sent a PING, and time from one PING to the next; 5000. 0 is never. Over
   * JSON there is no PING: how often `{}` is sent as a sign of life, 0.
   */
  readonly heartbeatMs?: number | undefined
  /** How long a PING goes unanswered until the connection is suspect; 3000. */
  readonly suspectMs?: number | undefined
  /** Unanswered PINGs after which the connection is lost, when the last has gone heartbeatMs; 1 to 100, 3. */
  readonly heartbeatMisses?: number | undefined
  /** What is spoken: frames, or a stream of JSON objects for servers and listeners that speak nothing else. */
  readonly codec?: 'frame' | 'json' | undefined
  /** Over JSON, what a uid is: `"7"` or `7`; 'string'. */
  readonly jsonUid?: 'string' | 'number' | undefined
  /** What is said about the client, answered by `Connection.welcome`; false for saying nothing. */
  readonly hello?: false | Omit<Hello, 'protocol'> | undefined
  /** Makes spans of what is sent: `openTelemetryTrace(api)`, say. Without it nothing is traced, and nothing paid. */
  readonly trace?: RequestTrace | undefined
  /** The system's by default. */
  readonly clock?: Clock | undefined
}

/** Options with nothing left open. */
export type CompleteOptions = CompleteConnectionOptions & (TcpTarget | UnixTarget)

export interface CompleteConnectionOptions {
  /** `host:port` or the path, for messages. */
  readonly target: string
  readonly timeoutMs: number
  readonly requestTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly maxFrameBytes: number
  readonly maxInFlight: number
  readonly handlers: ReadonlyMap<number, RequestHandler>
  readonly maxHandlers: number
  readonly handlerTimeoutMs: number
  readonly highWaterBytes: number
  readonly maxBufferedBytes: number
  readonly keepAliveMs: number
  readonly heartbeatMs: number
  readonly suspectMs: number
  readonly heartbeatMisses: number
  readonly codec: 'frame' | 'json'
  readonly jsonUid: 'string' | 'number'
  /** The encoded frame; undefined where none is sent. */
  readonly helloFrame: Uint8Array | undefined
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  readonly resolver: Resolver
  readonly attemptDelayMs: number
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly noDelay: boolean
  readonly tls: TlsClient | undefined
  readonly onSocket: ((socket: Socket) => void) | undefined
  readonly trace: RequestTrace | undefined
  readonly listeners: ConnectionListeners
}

const PORT_MAX = 65_535
const HEARTBEAT_MISSES_MAX = 100
/** As the server's own least limit: below it not even every ERROR would come through. */
const FRAME_BYTES_MAX_LEAST = 1024
/** A frame's length is a u32, but no machine needs more than this at once. */
const FRAME_BYTES_MAX = 0x4000_0000

/** Fills in what is missing. Throws a ClientError INVALID_OPTION naming the option, its value and what is expected. */
export function completeOptions(options: ConnectOptions): CompleteOptions {
  const { signal, onSocket, localPort, noDelay = true, clock = systemClock } = options
  const codec = oneOf('codec', options.codec ?? 'frame', ['frame', 'json'])
  const complete: CompleteOptions = {
    ...completeTarget(options),
    timeoutMs: checkDelayMs('timeoutMs', options.timeoutMs ?? 5000),
    requestTimeoutMs: checkDelayMs('requestTimeoutMs', options.requestTimeoutMs ?? 3000),
    closeTimeoutMs: checkDelayMs('closeTimeoutMs', options.closeTimeoutMs ?? 5000),
    maxFrameBytes: checkFrameBytesMax(options.maxFrameBytes ?? FRAME_BYTES_MAX_DEFAULT),
    maxInFlight: integer('maxInFlight', options.maxInFlight ?? 65_536, 1, 1_048_576),
    handlers: completeHandlers(options.handlers),
    maxHandlers: integer('maxHandlers', options.maxHandlers ?? 1024, 1, 1_048_576),
    handlerTimeoutMs: checkDelayMs('handlerTimeoutMs', options.handlerTimeoutMs ?? 30_000),
    highWaterBytes: integer('highWaterBytes', options.highWaterBytes ?? 262_144, 1, Number.MAX_SAFE_INTEGER),
    maxBufferedBytes: integer('maxBufferedBytes', options.maxBufferedBytes ?? 16_777_216, 1, Number.MAX_SAFE_INTEGER),
    keepAliveMs: integer('keepAliveMs', options.keepAliveMs ?? 30_000, 0, DELAY_MS_MAX),
    heartbeatMs: integer('heartbeatMs', options.heartbeatMs ?? (codec === 'json' ? 0 : 5000), 0, DELAY_MS_MAX),
    suspectMs: checkDelayMs('suspectMs', options.suspectMs ?? 3000),
    heartbeatMisses: integer('heartbeatMisses', options.heartbeatMisses ?? 3, 1, HEARTBEAT_MISSES_MAX),
    codec,
    jsonUid: oneOf('jsonUid', options.jsonUid ?? 'string', ['string', 'number']),
    helloFrame: codec === 'json' ? undefined : helloFrame(options.hello ?? {}),
    signal,
    clock,
    resolver: resolverOf(options),
    attemptDelayMs: checkDelayMs('attemptDelayMs', options.attemptDelayMs ?? 250),
    localAddress: checkLocalAddress(options.localAddress),
    localPort: localPort === undefined ? undefined : integer('localPort', localPort, 1, PORT_MAX),
    noDelay,
    tls: tlsOf(options.tls),
    onSocket,
    trace: options.trace,
    listeners: options,
  }
  checkPairs(complete)
  checkJson(options)
  return complete
}

function completeHandlers(handlers: ConnectionOptions['handlers'] = {}): ReadonlyMap<number, RequestHandler> {
  return new Map(Object.entries(handlers).map(([route, handler]) => [checkRoute(Number(route)), handler]))
}

function checkFrameBytesMax(bytes: number): number {
  return integer('maxFrameBytes', bytes, FRAME_BYTES_MAX_LEAST, FRAME_BYTES_MAX)
}

function completeTarget(options: ConnectOptions): (TcpTarget | UnixTarget) & { readonly target: string } {
  const { host, port, path } = options
  if (path !== undefined) {
    if (typeof path !== 'string' || path === '') throw invalid('path', path, 'the path of a Unix socket')
    if (host !== undefined) throw new ClientError('INVALID_OPTION', 'expected a host and a port, or a path; got both')
    return { path, target: path }
  }
  if (typeof host !== 'string' || host === '') throw invalid('host', host, 'a name or an address')
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return { host, port: integer('port', port, 1, PORT_MAX), target }
}

function resolverOf({ resolver, lookup }: DialOptions): Resolver {
  if (resolver !== undefined && lookup !== undefined) {
    throw new ClientError('INVALID_OPTION', 'expected a resolver or a lookup; got both')
  }
  return resolver ?? (lookup === undefined ? systemResolver : new LookupResolver(lookup))
}

function checkLocalAddress(address: string | undefined): string | undefined {
  if (address === undefined || isIP(address) !== 0) return address
  throw invalid('localAddress', address, 'an IPv4 or IPv6 address of this machine')
}

/** The one that is meant; throws a ClientError INVALID_OPTION. */
export function tlsOf(tls: DialOptions['tls']): TlsClient | undefined {
  if (tls === undefined || tls === false) return undefined
  if (tls instanceof TlsClient) return tls
  return new TlsClient(tls === true ? {} : tls)
}

/** JSON has no frame to say these with. */
function checkJson({ codec, hello, handlers }: ConnectOptions): void {
  if (codec !== 'json') return
  const what = hello === undefined || hello === false ? undefined : 'hello'
  const lost = what ?? (handlers !== undefined && Object.keys(handlers).length > 0 ? 'handlers' : undefined)
  if (lost !== undefined) throw new ClientError('INVALID_OPTION', `${lost}: codec json has no such thing`)
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
