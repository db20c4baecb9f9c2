/**
 * Owns the option table: every variable of this version, with its values, default, meaning and an example.
 * Must not know: how variables are read or printed.
 * Invariant: a row stands here if and only if setting it does something. A default that is computed from another row
 * stands below it.
 */
import { FRAME_BYTES_MAX_DEFAULT, frameBytes } from '@shardwire/protocol'
import { listenAddresses, type ListenAddress } from './listen-address.ts'
import type { Machine } from './machine.ts'
import { computed, fixed, type Option, type OptionTable, type ValuesAbove } from './option.ts'
import { bytes, count, flag, milliseconds, oneOf, path } from './value-kinds.ts'

const DAY_MS = 86_400_000
const KIB = 1024
const MIB = 1024 * KIB
const TIB = MIB * MIB
const WORKERS_MAX = 1024
/** What Linux takes: 32767 seconds for either time, 127 probes (MAX_TCP_KEEPIDLE, _KEEPINTVL, _KEEPCNT). */
const KEEPALIVE_MS_MAX = 32_767_000
const KEEPALIVE_PROBES_MAX = 127

/** A deadline that cannot be turned off; beyond a day it bounds nothing. */
const deadline = milliseconds({ min: 1, max: DAY_MS })

/** Kinds that SHARDWIRE_LISTEN shares with the rows they stand in for. */
const limitKinds = {
  // Below 10 ms the timer is coarser than the value.
  heartbeatMs: milliseconds({ min: 10, max: DAY_MS, zero: 'off' }),
  idleTimeoutMs: milliseconds({ min: 10, max: DAY_MS, zero: 'off' }),
  // 1 KiB holds every control frame and error; above 256 MiB one frame is most of a worker's memory.
  maxFrameBytes: bytes({ min: KIB, max: 256 * MIB }),
}

const DEFAULT_LISTEN: readonly ListenAddress[] = [
  { scheme: 'tcp', host: '127.0.0.1', port: 7400, codec: 'frame', limits: {} },
]

export const OPTIONS = {
  listen: {
    name: 'SHARDWIRE_LISTEN',
    kind: listenAddresses(limitKinds),
    fallback: fixed(DEFAULT_LISTEN, 'tcp://127.0.0.1:7400'),
    meaning: 'Where connections are accepted.',
    example: 'tcp://0.0.0.0:7400,tcp://[::1]:7402?heartbeat-ms=5000',
  },
  admin: {
    name: 'SHARDWIRE_ADMIN',
    kind: oneOf(['off'], ', since this version has no admin server yet'),
    fallback: fixed('off'),
    meaning: 'Address of the admin HTTP server, which is not in this version.',
    example: 'off',
  },
  workers: {
    name: 'SHARDWIRE_WORKERS',
    kind: count({ min: 1, max: WORKERS_MAX }),
    fallback: computed('one per core', (machine) => Math.min(machine.cores, WORKERS_MAX)),
    meaning: 'Worker processes over which connections are spread.',
    example: '4',
  },
  accept: {
    name: 'SHARDWIRE_ACCEPT',
    kind: oneOf(['handoff', 'reuseport']),
    fallback: fixed('handoff'),
    meaning:
      'Who accepts connections: handoff, the primary, which hands them to the workers in strict rotation; reuseport, ' +
      'every worker for itself, as the kernel spreads them, which takes more of them a second.',
    example: 'reuseport',
  },
  service: {
    name: 'SHARDWIRE_SERVICE',
    kind: path('a module whose default export is a service'),
    fallback: fixed(null, 'none: the built-in demo'),
    meaning: 'Module with the handlers to serve, relative to the working directory.',
    example: './service.ts',
  },
  backlog: {
    name: 'SHARDWIRE_BACKLOG',
    // Older kernels keep it in 16 bits.
    kind: count({ min: 1, max: 65_535 }),
    fallback: fixed(4096),
    meaning:
      'Connections that wait in the kernel to be accepted, per address; the kernel caps it at net.core.somaxconn.',
    example: '1024',
  },
  keepaliveMs: {
    name: 'SHARDWIRE_KEEPALIVE_MS',
    kind: milliseconds({ min: 1000, max: KEEPALIVE_MS_MAX, zero: 'off' }),
    fallback: fixed(180_000),
    meaning: 'Silence after which TCP keepalive begins to probe, rounded down to whole seconds.',
    example: '60000',
  },
  keepaliveIntervalMs: {
    name: 'SHARDWIRE_KEEPALIVE_INTERVAL_MS',
    kind: milliseconds({ min: 1000, max: KEEPALIVE_MS_MAX }),
    fallback: fixed(75_000),
    meaning: 'Time between two TCP keepalive probes, rounded down to whole seconds.',
    example: '10000',
  },
  keepaliveProbes: {
    name: 'SHARDWIRE_KEEPALIVE_PROBES',
    kind: count({ min: 1, max: KEEPALIVE_PROBES_MAX }),
    fallback: fixed(9),
    meaning: 'Unanswered TCP keepalive probes after which the kernel closes the connection.',
    example: '5',
  },
  nodelay: {
    name: 'SHARDWIRE_NODELAY',
    kind: flag(),
    fallback: fixed(true),
    meaning: 'Sends small writes at once (TCP_NODELAY) instead of collecting them.',
    example: 'false',
  },
  maxFrameBytes: {
    name: 'SHARDWIRE_MAX_FRAME_BYTES',
    kind: limitKinds.maxFrameBytes,
    fallback: fixed(FRAME_BYTES_MAX_DEFAULT),
    meaning: 'Largest payload of a frame, in and out.',
    example: '65536',
  },
  maxBufferBytes: {
    name: 'SHARDWIRE_MAX_BUFFER_BYTES',
    // A write slab, and room for the rings of a few connections: with less nothing can be served.
    kind: bytes({ min: 256 * KIB, max: TIB }),
    fallback: computed('a quarter of the memory limit divided by the workers, at least 2097152', bufferBudget),
    meaning: 'Partial frames and unsent bytes of all connections of a worker; past it the largest holder is closed.',
    example: '268435456',
  },
  writeBufferBytes: {
    name: 'SHARDWIRE_WRITE_BUFFER_BYTES',
    kind: bytes({ min: KIB, max: 1024 * MIB }),
    fallback: fixed(MIB),
    meaning: 'Unsent bytes of one connection above which nothing more is read from it.',
    example: '4194304',
  },
  writeTimeoutMs: {
    name: 'SHARDWIRE_WRITE_TIMEOUT_MS',
    kind: deadline,
    fallback: fixed(10_000),
    meaning: 'How long unsent bytes may make no progress before the connection is closed.',
    example: '5000',
  },
  slowConsumerMs: {
    name: 'SHARDWIRE_SLOW_CONSUMER_MS',
    kind: deadline,
    fallback: fixed(10_000),
    meaning: 'How long a connection may stay above its write buffer before it is closed as a slow consumer.',
    example: '5000',
  },
  maxInFlight: {
    name: 'SHARDWIRE_MAX_IN_FLIGHT',
    kind: count({ min: 1, max: 1_048_576 }),
    fallback: fixed(1024),
    meaning: 'Requests in flight on one connection; one more is answered OVERLOADED without having run.',
    example: '64',
  },
  handoffQueue: {
    name: 'SHARDWIRE_HANDOFF_QUEUE',
    // Each holds a descriptor of the primary, and a million is more than a process may commonly open.
    kind: count({ min: 1, max: 1_048_576 }),
    fallback: computed('half of the open-file limit, at most 16384', handoffQueue),
    meaning: 'Accepted sockets on their way to a worker; one more is refused.',
    example: '1024',
  },
  handshakeTimeoutMs: {
    name: 'SHARDWIRE_HANDSHAKE_TIMEOUT_MS',
    kind: deadline,
    fallback: fixed(5000),
    meaning: 'How long an accepted socket may wait for a worker to take it, before it is refused.',
    example: '2000',
  },
  heartbeatMs: {
    name: 'SHARDWIRE_HEARTBEAT_MS',
    kind: limitKinds.heartbeatMs,
    fallback: fixed(30_000),
    meaning: 'Silence of a client after which the server sends PING.',
    example: '15000',
  },
  heartbeatMisses: {
    name: 'SHARDWIRE_HEARTBEAT_MISSES',
    kind: count({ min: 0, max: 100 }),
    fallback: fixed(3),
    meaning: 'Unanswered PINGs after which the connection is closed.',
    example: '2',
  },
  idleTimeoutMs: {
    name: 'SHARDWIRE_IDLE_TIMEOUT_MS',
    kind: limitKinds.idleTimeoutMs,
    fallback: fixed(0),
    meaning: 'Time without a message after which the connection is closed.',
    example: '90000',
  },
  frameTimeoutMs: {
    name: 'SHARDWIRE_FRAME_TIMEOUT_MS',
    kind: deadline,
    fallback: fixed(10_000),
    meaning: 'Longest time from the first byte of a frame to its last.',
    example: '5000',
  },
  requestTimeoutMs: {
    name: 'SHARDWIRE_REQUEST_TIMEOUT_MS',
    kind: deadline,
    fallback: fixed(30_000),
    meaning: 'Deadline of a handler whose route sets none.',
    example: '5000',
  },
  maxHandlers: {
    name: 'SHARDWIRE_MAX_HANDLERS',
    kind: count({ min: 1, max: 16_777_216 }),
    fallback: fixed(65_536),
    meaning: 'Asynchronous handlers that run at once in a worker; one more request is answered OVERLOADED.',
    example: '10000',
  },
  drainTimeoutMs: {
    name: 'SHARDWIRE_DRAIN_TIMEOUT_MS',
    kind: deadline,
    fallback: fixed(10_000),
    meaning: 'Longest time from the signal to stop to the last close.',
    example: '25000',
  },
  transport: {
    name: 'SHARDWIRE_TRANSPORT',
    kind: oneOf(['auto', 'socket']),
    fallback: fixed('auto'),
    meaning:
      'How sockets are driven: auto by the raw handles below net.Socket where this Node has them, which takes less ' +
      'memory, socket by nothing but documented parts of Node.',
    example: 'socket',
  },
  debugViews: {
    name: 'SHARDWIRE_DEBUG_VIEWS',
    kind: flag(),
    fallback: fixed(false),
    meaning:
      'For debugging: memory is overwritten when it stops being lent, and a handler that uses or keeps a body after ' +
      'it returned is reported; takes time and memory for every frame.',
    example: 'true',
  },
  logLevel: {
    name: 'SHARDWIRE_LOG_LEVEL',
    kind: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    fallback: fixed('info'),
    meaning: 'Least severe line that is logged.',
    example: 'debug',
  },
  logFormat: {
    name: 'SHARDWIRE_LOG_FORMAT',
    kind: oneOf(['auto', 'json', 'pretty']),
    fallback: fixed('auto'),
    meaning: 'Layout of log lines; auto is pretty on a terminal and json elsewhere.',
    example: 'json',
  },
} as const satisfies OptionTable

/** Values of all rows by key, as they are read: listen addresses without the limits of the rows below. */
export type OptionValues = {
  readonly [Key in keyof typeof OPTIONS]: (typeof OPTIONS)[Key] extends Option<infer Value> ? Value : never
}

/** Memory that holding one frame takes: the buffer pool lends powers of two. */
export function frameBufferBytes(maxFrameBytes: number): number {
  return 2 ** Math.ceil(Math.log2(frameBytes(maxFrameBytes)))
}

/** Never too little for a frame of the default size, so that no machine refuses to start without any settings. */
function bufferBudget(machine: Machine, above: ValuesAbove): number {
  const share = Math.floor(machine.memoryBytes / 4 / Number(above['workers']))
  return Math.min(TIB, Math.max(share, frameBufferBytes(FRAME_BYTES_MAX_DEFAULT)))
}

/** A burst of connects waits here rather than being refused; the other half is for the primary itself, and to spare. */
function handoffQueue({ descriptorLimit }: Machine): number {
  return Math.min(16_384, Math.max(64, Math.floor(descriptorLimit / 2)))
}
