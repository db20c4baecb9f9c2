/**
 * Owns the option table: every variable of this version, with its values, default, meaning and an example.
 * Must not know: how variables are read or printed.
 * Invariant: a row stands here if and only if setting it does something. A default that is computed from another row
 * stands below it.
 */
import { FRAME_BYTES_MAX_DEFAULT } from '@shardwire/protocol'
import { ADMIN_OPTIONS } from './admin-options.ts'
import {
  bufferBudget,
  CONNECTIONS_MAX,
  handoffQueue,
  HEAP_MB_MIN,
  heapShare,
  offloadThreads,
  possibleConnections,
} from './computed-defaults.ts'
import { listenAddresses, type ListenAddress } from './listen-address.ts'
import { listenerKinds } from './listener-kinds.ts'
import { mirrorAddress } from './mirror-address.ts'
import { networks } from './networks.ts'
import { computed, fixed, type Option, type OptionTable } from './option.ts'
import { spiffePatterns } from './spiffe-patterns.ts'
import { bytes, count, flag, milliseconds, oneOf, path, percent } from './value-kinds.ts'

const DAY_MS = 86_400_000
const KIB = 1024
const MIB = 1024 * KIB
const TIB = MIB * MIB
const WORKERS_MAX = 1024
/** A deadline that cannot be turned off; beyond a day it bounds nothing. */
const deadline = milliseconds({ min: 1, max: DAY_MS })

const DEFAULT_LISTEN: readonly ListenAddress[] = [
  { scheme: 'tcp', host: '127.0.0.1', port: 7400, codec: 'frame', own: {} },
]

export const OPTIONS = {
  envFile: {
    name: 'SHARDWIRE_ENV_FILE',
    kind: path('a file of NAME=VALUE lines'),
    fallback: fixed(null, 'none'),
    meaning:
      'File of variables, read at the start and again at SIGHUP; one that the real environment sets too is taken ' +
      'from there.',
    example: '/etc/shardwire.env',
  },
  listen: {
    name: 'SHARDWIRE_LISTEN',
    needsRestart: true,
    kind: listenAddresses(listenerKinds),
    fallback: fixed(DEFAULT_LISTEN, 'tcp://127.0.0.1:7400'),
    meaning: 'Where connections are accepted, and what is spoken there.',
    example: 'tcp://0.0.0.0:7400,tls://[::]:7443?heartbeat-ms=5000,unix:/run/shardwire.sock',
  },
  ...ADMIN_OPTIONS,
  workers: {
    name: 'SHARDWIRE_WORKERS',
    needsRestart: true,
    kind: count({ min: 1, max: WORKERS_MAX }),
    fallback: computed('one per core', (machine) => Math.min(machine.cores, WORKERS_MAX)),
    meaning: 'Worker processes over which connections are spread.',
    example: '4',
  },
  accept: {
    name: 'SHARDWIRE_ACCEPT',
    needsRestart: true,
    kind: oneOf(['handoff', 'reuseport']),
    fallback: fixed('handoff'),
    meaning:
      'Who accepts connections: handoff, the primary, which hands them to the workers in strict rotation; reuseport, ' +
      'every worker for itself, as the kernel spreads them, which takes more of them a second.',
    example: 'reuseport',
  },
  placement: {
    name: 'SHARDWIRE_PLACEMENT',
    kind: oneOf(['round-robin', 'least-connections']),
    fallback: fixed('round-robin'),
    meaning:
      'Which worker gets a connection: the next in turn, or the one that has the fewest. With ' +
      'SHARDWIRE_ACCEPT=reuseport the kernel decides, whatever is set here.',
    example: 'least-connections',
  },
  maxConnections: {
    name: 'SHARDWIRE_MAX_CONNECTIONS',
    kind: count({ min: 1, max: CONNECTIONS_MAX, zero: 'what the limit of open files allows' }),
    fallback: computed('(the limit of open files less 64) times the workers', possibleConnections),
    meaning: 'Connections of all workers; one more is refused with TOO_MANY_CONNECTIONS.',
    example: '10000',
  },
  maxConnectionsPerIp: {
    name: 'SHARDWIRE_MAX_CONNECTIONS_PER_IP',
    kind: count({ min: 1, max: CONNECTIONS_MAX, zero: 'off' }),
    fallback: fixed(0),
    meaning:
      'Connections of one client address, or of one /64 network of IPv6; one more is refused with ' +
      'TOO_MANY_CONNECTIONS.',
    example: '100',
  },
  connectionRate: {
    name: 'SHARDWIRE_CONNECTION_RATE',
    kind: count({ min: 1, max: 1_000_000, zero: 'off' }),
    fallback: fixed(0),
    meaning:
      'New connections a second, as many at once; one more is refused with TOO_MANY_CONNECTIONS. With ' +
      'SHARDWIRE_ACCEPT=reuseport each worker has its share.',
    example: '500',
  },
  maxConnectionAgeMs: {
    name: 'SHARDWIRE_MAX_CONNECTION_AGE_MS',
    kind: milliseconds({ min: 100, max: 30 * DAY_MS, zero: 'off' }),
    fallback: fixed(0),
    meaning:
      'Age, give or take a tenth at random, at which a connection is told by GOAWAY to connect anew and ended after ' +
      'its last answer, so that clients spread over new servers.',
    example: '3600000',
  },
  allow: {
    name: 'SHARDWIRE_ALLOW',
    kind: networks(),
    fallback: fixed(null, 'none: everybody may connect'),
    meaning: 'Networks that may connect; everybody else is refused with PERMISSION_DENIED.',
    example: '10.0.0.0/8,2001:db8::/32',
  },
  deny: {
    name: 'SHARDWIRE_DENY',
    kind: networks(),
    fallback: fixed(null, 'none: nobody is denied'),
    meaning: 'Networks that are refused with PERMISSION_DENIED, those in SHARDWIRE_ALLOW among them.',
    example: '192.0.2.0/24,198.51.100.7',
  },
  proxyProtocol: {
    name: 'SHARDWIRE_PROXY_PROTOCOL',
    kind: oneOf(['off', 'v1', 'v2', 'any']),
    fallback: fixed('off'),
    meaning:
      'Version of the PROXY protocol header that connections of SHARDWIRE_PROXY_TRUSTED begin with: it says who the ' +
      'client is, for limits, lists, logs and handlers.',
    example: 'v2',
  },
  proxyTrusted: {
    name: 'SHARDWIRE_PROXY_TRUSTED',
    kind: networks({ text: 'unix:', meaning: 'everybody who connects by a Unix socket' }),
    fallback: fixed(null, 'none: no PROXY header is read'),
    meaning: 'Networks of proxies whose PROXY header is read and believed; others are served as clients themselves.',
    example: '10.0.0.0/8,unix:',
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
    kind: listenerKinds.backlog,
    fallback: fixed(4096),
    meaning:
      'Connections that wait in the kernel to be accepted, per address; the kernel caps it at net.core.somaxconn.',
    example: '1024',
  },
  keepaliveMs: {
    name: 'SHARDWIRE_KEEPALIVE_MS',
    kind: listenerKinds.keepaliveMs,
    fallback: fixed(180_000),
    meaning: 'Silence after which TCP keepalive begins to probe, rounded down to whole seconds.',
    example: '60000',
  },
  keepaliveIntervalMs: {
    name: 'SHARDWIRE_KEEPALIVE_INTERVAL_MS',
    kind: listenerKinds.keepaliveIntervalMs,
    fallback: fixed(75_000),
    meaning: 'Time between two TCP keepalive probes, rounded down to whole seconds.',
    example: '10000',
  },
  keepaliveProbes: {
    name: 'SHARDWIRE_KEEPALIVE_PROBES',
    kind: listenerKinds.keepaliveProbes,
    fallback: fixed(9),
    meaning: 'Unanswered TCP keepalive probes after which the kernel closes the connection.',
    example: '5',
  },
  nodelay: {
    name: 'SHARDWIRE_NODELAY',
    kind: listenerKinds.nodelay,
    fallback: fixed(true),
    meaning: 'Sends small writes at once (TCP_NODELAY) instead of collecting them.',
    example: 'false',
  },
  maxFrameBytes: {
    name: 'SHARDWIRE_MAX_FRAME_BYTES',
    kind: listenerKinds.maxFrameBytes,
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
  heapMb: {
    name: 'SHARDWIRE_HEAP_MB',
    kind: count({ min: HEAP_MB_MIN, max: 1_048_576 }),
    fallback: computed('half of the memory limit divided by the workers, at most 4096', heapShare),
    meaning:
      'Heap of a worker for what lives on, in MiB (--max-old-space-size); one that is still 85 % full after a ' +
      'collection is replaced.',
    example: '1024',
  },
  semiSpaceMb: {
    name: 'SHARDWIRE_SEMI_SPACE_MB',
    kind: count({ min: 1, max: 1024, zero: "V8's own choice" }),
    fallback: fixed(0),
    meaning:
      'Space of a worker for what is young, in MiB (--max-semi-space-size), of which V8 takes up to three; more ' +
      'means fewer and longer collections.',
    example: '64',
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
  messageRate: {
    name: 'SHARDWIRE_MESSAGE_RATE',
    // Above it a tick of the clock is worth more than what a connection may save up.
    kind: count({ min: 1, max: 10_000_000, zero: 'off' }),
    fallback: fixed(0),
    meaning:
      'Messages a second that one connection may send, as many at once; one more is answered RATE_LIMITED without ' +
      'having run, and after 10 s of that the connection is closed.',
    example: '1000',
  },
  overloadDelayMs: {
    name: 'SHARDWIRE_OVERLOAD_DELAY_MS',
    // The ticks that are judged come every 20 ms.
    kind: milliseconds({ min: 20, max: 60_000, zero: 'off' }),
    fallback: fixed(200),
    meaning:
      'How late the event loop of a worker may be each time it turns, for a whole second, before it sheds new ' +
      'connections and then new requests.',
    example: '100',
  },
  overloadBufferPercent: {
    name: 'SHARDWIRE_OVERLOAD_BUFFER_PERCENT',
    kind: count({ min: 1, max: 100, zero: 'off' }),
    fallback: fixed(90),
    meaning:
      'Part of SHARDWIRE_MAX_BUFFER_BYTES in use from which a worker sheds new connections, then new requests of ' +
      'those that do not read, then the largest holders.',
    example: '75',
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
    meaning:
      'How long an accepted socket may wait for a worker to take it, and then its PROXY header, its TLS handshake, ' +
      'and what the service wants before it lets it in (HELLO, authenticate, onConnect) may each last.',
    example: '2000',
  },
  maxHandshakes: {
    name: 'SHARDWIRE_MAX_HANDSHAKES',
    kind: count({ min: 1, max: 65_536 }),
    fallback: fixed(256),
    meaning:
      'TLS handshakes under way at once in a worker, and likewise connections that the service is about to let in; ' +
      'one more waits for its turn, in order.',
    example: '64',
  },
  tlsCert: {
    name: 'SHARDWIRE_TLS_CERT',
    kind: path('a PEM file with the certificate of the server, then those that lead to its root'),
    fallback: fixed(null, 'none'),
    meaning: 'Certificate for the tls:// addresses, read again when it changes.',
    example: '/etc/shardwire/tls.crt',
  },
  tlsKey: {
    name: 'SHARDWIRE_TLS_KEY',
    kind: path('a PEM file with the private key of that certificate, not encrypted'),
    fallback: fixed(null, 'none'),
    meaning: 'Private key for the tls:// addresses, read again when it changes.',
    example: '/etc/shardwire/tls.key',
  },
  tlsCa: {
    name: 'SHARDWIRE_TLS_CA',
    kind: path('a PEM file with the certificates that may sign those of clients'),
    fallback: fixed(null, 'none'),
    meaning: 'Certificate authorities of clients, read again when the file changes.',
    example: '/etc/shardwire/ca.crt',
  },
  tlsClientAuth: {
    name: 'SHARDWIRE_TLS_CLIENT_AUTH',
    kind: oneOf(['none', 'request', 'require']),
    fallback: fixed('none'),
    meaning:
      'Certificates of TLS clients: none are asked for, or request, a client may show one, or require, it must; one ' +
      'that is shown must be valid.',
    example: 'require',
  },
  tlsSpiffeAllow: {
    name: 'SHARDWIRE_TLS_SPIFFE_ALLOW',
    kind: spiffePatterns(),
    fallback: fixed(null, 'none: any certificate that is valid'),
    meaning: 'SPIFFE IDs of which a client certificate must have one; a * stands for one segment of the path.',
    example: 'spiffe://example.org/ns/*/sa/device,spiffe://example.org/gateway',
  },
  heartbeatMs: {
    name: 'SHARDWIRE_HEARTBEAT_MS',
    kind: listenerKinds.heartbeatMs,
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
    kind: listenerKinds.idleTimeoutMs,
    fallback: fixed(0),
    meaning:
      'Time without a message after which the connection is closed; on listeners of other codecs than frame, which ' +
      'have no PING, 90000 unless it is set.',
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
  offloadThreads: {
    name: 'SHARDWIRE_OFFLOAD_THREADS',
    kind: count({ min: 1, max: 1024 }),
    fallback: computed('the cores divided by the workers, at least 1', offloadThreads),
    meaning:
      'Threads of a worker for routes that are offloaded, started when the first of them is called; a thread has a ' +
      'heap of its own, up to SHARDWIRE_HEAP_MB.',
    example: '2',
  },
  offloadQueue: {
    name: 'SHARDWIRE_OFFLOAD_QUEUE',
    kind: count({ min: 1, max: 1_048_576, zero: 'nothing waits' }),
    fallback: fixed(1024),
    meaning: 'Requests of a worker that wait for a thread; one more is answered OVERLOADED without having run.',
    example: '64',
  },
  drainTimeoutMs: {
    name: 'SHARDWIRE_DRAIN_TIMEOUT_MS',
    kind: deadline,
    fallback: fixed(10_000),
    meaning: 'Longest time from the signal to stop to the last close.',
    example: '25000',
  },
  watchdogMs: {
    name: 'SHARDWIRE_WATCHDOG_MS',
    // A worker gives a sign of life once a second.
    kind: milliseconds({ min: 2000, max: DAY_MS, zero: 'off' }),
    fallback: fixed(10_000),
    meaning:
      'How long the event loop of a worker may stand still, as in a handler that never returns: not before, and ' +
      'about a second later at most, it is killed and replaced.',
    example: '30000',
  },
  mirror: {
    name: 'SHARDWIRE_MIRROR',
    kind: mirrorAddress(),
    fallback: fixed(null, 'none: nothing is mirrored'),
    meaning:
      'Another shardwire server that gets a copy of the MESSAGEs and REQUESTs served here, of listeners of frames; ' +
      'its answers are dropped, or compared with ours.',
    example: 'tcp://10.0.0.2:7400?compare=all',
  },
  mirrorPercent: {
    name: 'SHARDWIRE_MIRROR_PERCENT',
    kind: percent(),
    fallback: fixed(100),
    meaning: 'How many connections are mirrored, each with all of its frames; of frames where the address says so.',
    example: '2.5',
  },
  transport: {
    name: 'SHARDWIRE_TRANSPORT',
    needsRestart: true,
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
