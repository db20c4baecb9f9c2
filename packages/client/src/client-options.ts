/**
 * Owns the options of a client: what a caller may say, what holds otherwise, what is refused.
 * Must not know: what an option leads to; those of a connection are options.ts's.
 * Invariant: complete options are valid; nothing behind this file checks them again.
 */
import type { Clock } from '@shardwire/protocol'
import { ROUTE_MAX } from '@shardwire/protocol'
import type { PoolLimits } from './balance/endpoint-options.ts'
import { BALANCE_NAMES } from './balance/strategies.ts'
import type { BalanceName } from './balance/strategies.ts'
import type { BreakerOptions } from './breaker/breaker.ts'
import type { StatusEvent } from './client-status.ts'
import { systemClock } from './clock.ts'
import { connect } from './connect.ts'
import type { Connection, ConnectionListeners } from './connection-api.ts'
import { integer, invalid } from './checks.ts'
import { completeOptions, tlsOf } from './options.ts'
import type { ConnectionOptions, ConnectOptions, TcpTarget, UnixTarget } from './options.ts'
import { systemRandom } from './random.ts'
import type { Random } from './random.ts'
import type { Route } from './request-options.ts'
import type { RetriesOptions } from './retry/retries.ts'
import type { TlsClient } from './tls/tls-client.ts'

/** What a connection is made with, but for its address and what the client sees to itself. */
export type SharedConnectOptions = Omit<ConnectionOptions, 'signal' | 'clock' | keyof ConnectionListeners>

/** An address, with what holds for it alone. */
export type ClientAddress = Omit<SharedConnectOptions, 'codec'> & (TcpTarget | UnixTarget)

/** Listeners that are told by all connections alike. */
type PassedOn = 'onMessage' | 'onError' | 'onHandlerError'

/** Times are in milliseconds. */
export interface ClientOptions extends Pick<ConnectionListeners, PassedOn> {
  /** At least one: `host:port`, `[::1]:port`, `tls://host:port`, `unix:/path`, or with options of its own. */
  readonly addresses: readonly (string | ClientAddress)[]
  /** What all connections are made with. */
  readonly connect?: SharedConnectOptions | undefined
  /** How one of several addresses is chosen; power-of-two. */
  readonly balance?: BalanceName | undefined
  readonly pool?: Partial<PoolLimits> | undefined
  readonly reconnect?: ReconnectOptions | undefined
  /** false opens none. */
  readonly breaker?: false | ClientBreakerOptions | undefined
  /** false sends nothing twice. */
  readonly retry?: false | RetryOptions | undefined
  /** Routes that do no harm twice: sent again also after what leaves it open whether they were served. */
  readonly idempotentRoutes?: readonly Route[] | undefined
  /** How many calls may wait for a connection; 1024. */
  readonly waitersMax?: number | undefined
  /** A lease of a connection that is held for longer is told; 0, which is never. */
  readonly leaseWarnMs?: number | undefined
  /** How long `close` waits for leases; 5000. */
  readonly closeTimeoutMs?: number | undefined
  readonly onStatus?: ((event: StatusEvent) => void) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  /** How a connection is made; for tests without a network. */
  readonly dial?: ((options: ConnectOptions) => Promise<Connection>) | undefined
}

export interface ReconnectOptions {
  /** Longest wait after the first failure; 100. */
  readonly minMs?: number | undefined
  /** Longest wait after any number of failures; 5000. */
  readonly maxMs?: number | undefined
  /** An address is given up when an attempt would begin later than this after the first; 30000. Infinity is never. */
  readonly giveUpAfterMs?: number | undefined
}

export interface ClientBreakerOptions {
  /** Opens after so many failures in a row; 5. 0 is never. */
  readonly failuresInRow?: number | undefined
  /** Opens when this share of the calls of the window failed, above 0 to 1; 0.5 ... */
  readonly failureShare?: number | undefined
  /** ... of at least so many; 20. */
  readonly callsMin?: number | undefined
  /** 10000. */
  readonly windowMs?: number | undefined
  /** Until one request may try; 5000. */
  readonly openMs?: number | undefined
  /** At most this share of the addresses, but at least one, has its requests moved to the others, 0 to 1; 0.5. */
  readonly ejectedShareMax?: number | undefined
}

export interface RetryOptions {
  /** How often a request is sent at most, the first time included; 3. */
  readonly attemptsMax?: number | undefined
  /** Retries for each request, 0 to 1; 0.1. */
  readonly budgetShare?: number | undefined
  /** Retries a second whatever the share; up to 10 are saved up; 1. */
  readonly floorPerSecond?: number | undefined
}

export interface CompleteClientOptions extends Pick<ConnectionListeners, PassedOn> {
  readonly addresses: readonly CompleteAddress[]
  readonly balance: BalanceName
  readonly pool: PoolLimits
  readonly reconnect: { readonly minMs: number; readonly maxMs: number; readonly giveUpAfterMs: number }
  readonly breaker: Omit<BreakerOptions, 'clock' | 'onChange' | 'recent'>
  readonly ejectedShareMax: number
  readonly retry: Pick<RetriesOptions, 'attemptsMax' | 'budgetShare' | 'floorPerSecond'>
  readonly idempotentRoutes: ReadonlySet<Route>
  /** Of all connections. */
  readonly codec: 'frame' | 'json'
  readonly requestTimeoutMs: number
  readonly waitersMax: number
  readonly leaseWarnMs: number
  readonly closeTimeoutMs: number
  readonly onStatus: ((event: StatusEvent) => void) | undefined
  readonly clock: Clock
  readonly random: Random
  readonly dial: (options: ConnectOptions) => Promise<Connection>
}

export interface CompleteAddress {
  /** `host:port`, or the path of a Unix socket. */
  readonly name: string
  /** Its own limit for one attempt. */
  readonly timeoutMs: number
  /** Listeners and signal are added for each attempt. */
  readonly connect: ConnectOptions
}

const DELAY_MS_MAX = 0x7fff_ffff
const CONNECTIONS_MAX = 1000

/** Fills in what is missing. Throws a ClientError INVALID_OPTION naming the option, its value and what is expected. */
export function completeClientOptions(options: ClientOptions): CompleteClientOptions {
  const { clock = systemClock, balance = 'power-of-two' } = options
  if (!BALANCE_NAMES.includes(balance)) throw invalid('balance', balance, `one of ${BALANCE_NAMES.join(', ')}`)
  const { breaker = {} } = options
  const addresses = completeAddresses(options, clock)
  const codec = options.connect?.codec ?? 'frame'
  return {
    onMessage: options.onMessage,
    onError: options.onError,
    onHandlerError: options.onHandlerError,
    addresses,
    balance,
    pool: completePool(options.pool ?? {}),
    reconnect: completeReconnect(options.reconnect ?? {}),
    breaker: completeBreaker(breaker === false ? { failuresInRow: 0, failureShare: 1 } : breaker, breaker === false),
    ejectedShareMax: share('breaker.ejectedShareMax', breaker === false ? 1 : (breaker.ejectedShareMax ?? 0.5)),
    retry: completeRetry(options.retry ?? {}),
    idempotentRoutes: new Set(options.idempotentRoutes?.map((route) => checkIdempotent(route, codec))),
    codec,
    requestTimeoutMs: options.connect?.requestTimeoutMs ?? 3000,
    waitersMax: integer('waitersMax', options.waitersMax ?? 1024, 0, Number.MAX_SAFE_INTEGER),
    leaseWarnMs: integer('leaseWarnMs', options.leaseWarnMs ?? 0, 0, DELAY_MS_MAX),
    closeTimeoutMs: integer('closeTimeoutMs', options.closeTimeoutMs ?? 5000, 1, DELAY_MS_MAX),
    onStatus: options.onStatus,
    clock,
    random: options.random ?? systemRandom,
    dial: options.dial ?? connect,
  }
}

/** What each is made with; checked here, so that no attempt fails for an option. */
function completeAddresses({ addresses, connect: shared = {} }: ClientOptions, clock: Clock): CompleteAddress[] {
  if (!Array.isArray(addresses) || addresses.length === 0) throw invalid('addresses', addresses, 'at least one address')
  // One for all connections, which share certificates and sessions by it.
  const tls = tlsOf(shared.tls)
  const complete = addresses.map((address: string | ClientAddress) => {
    const own = typeof address === 'string' ? parseAddress(address, tls) : address
    const options = { ...shared, tls, ...own, clock }
    const { target, timeoutMs, tls: ownTls } = completeOptions(options)
    return { name: target, timeoutMs, connect: { ...options, tls: ownTls } }
  })
  const names = complete.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalid('addresses', twice, 'each address once')
  return complete
}

const ADDRESS = /^(?:(tcp|tls):\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})$/

/** As the server's SHARDWIRE_LISTEN writes them; where no scheme says whether it is TLS, the shared option does. */
function parseAddress(text: string, tls: TlsClient | undefined): ClientAddress {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length), tls: false }
  const [, scheme, bracketed, name, port] = ADDRESS.exec(text) ?? []
  const host = bracketed ?? name
  if (host === undefined) throw invalid('addresses', text, 'host:port, tcp://host:port, tls://host:port or unix:/path')
  const target = { host, port: Number(port) }
  if (scheme === undefined) return target
  return { ...target, tls: scheme === 'tls' && (tls ?? true) }
}

function completePool(pool: Partial<PoolLimits>): PoolLimits {
  const max = integer('pool.max', pool.max ?? 3, 1, CONNECTIONS_MAX)
  const min = integer('pool.min', pool.min ?? Math.min(1, max), 0, CONNECTIONS_MAX)
  if (min > max) throw invalid('pool.min', min, `at most pool.max (${max})`)
  return {
    min,
    max,
    idleTimeoutMs: integer('pool.idleTimeoutMs', pool.idleTimeoutMs ?? 30_000, 0, DELAY_MS_MAX),
    maxAgeMs: integer('pool.maxAgeMs', pool.maxAgeMs ?? 0, 0, DELAY_MS_MAX),
    requestsPerConnection: integer('pool.requestsPerConnection', pool.requestsPerConnection ?? 64, 1, 1_048_576),
  }
}

function completeReconnect(reconnect: ReconnectOptions): CompleteClientOptions['reconnect'] {
  const maxMs = integer('reconnect.maxMs', reconnect.maxMs ?? 5000, 1, DELAY_MS_MAX)
  const minMs = integer('reconnect.minMs', reconnect.minMs ?? Math.min(100, maxMs), 1, DELAY_MS_MAX)
  if (minMs > maxMs) throw invalid('reconnect.minMs', minMs, `at most reconnect.maxMs (${maxMs})`)
  const { giveUpAfterMs = 30_000 } = reconnect
  if (!(giveUpAfterMs > 0)) throw invalid('reconnect.giveUpAfterMs', giveUpAfterMs, 'a number above 0, or Infinity')
  return { minMs, maxMs, giveUpAfterMs }
}

function completeBreaker(breaker: ClientBreakerOptions, isOff: boolean): CompleteClientOptions['breaker'] {
  const failureShare = share('breaker.failureShare', breaker.failureShare ?? 0.5)
  if (failureShare === 0) throw invalid('breaker.failureShare', failureShare, 'a number above 0 up to 1')
  return {
    failuresInRow: integer('breaker.failuresInRow', breaker.failuresInRow ?? 5, 0, Number.MAX_SAFE_INTEGER),
    failureShare,
    callsMin: isOff ? Infinity : integer('breaker.callsMin', breaker.callsMin ?? 20, 1, Number.MAX_SAFE_INTEGER),
    windowMs: integer('breaker.windowMs', breaker.windowMs ?? 10_000, 1, DELAY_MS_MAX),
    openMs: integer('breaker.openMs', breaker.openMs ?? 5000, 1, DELAY_MS_MAX),
  }
}

function completeRetry(retry: false | RetryOptions): CompleteClientOptions['retry'] {
  const { attemptsMax = 3, budgetShare = 0.1, floorPerSecond = 1 } = retry === false ? { attemptsMax: 1 } : retry
  if (!(floorPerSecond >= 0 && floorPerSecond <= 1_000_000)) {
    throw invalid('retry.floorPerSecond', floorPerSecond, 'a number from 0 to 1000000')
  }
  return {
    attemptsMax: integer('retry.attemptsMax', attemptsMax, 1, 100),
    budgetShare: share('retry.budgetShare', budgetShare),
    floorPerSecond,
  }
}

/** Over JSON also a name, or 0 for what names no route. */
function checkIdempotent(route: Route, codec: 'frame' | 'json'): Route {
  if (codec === 'json') return typeof route === 'string' ? route : integer('idempotentRoutes', route, 0, ROUTE_MAX)
  if (typeof route === 'number') return integer('idempotentRoutes', route, 1, ROUTE_MAX)
  throw invalid('idempotentRoutes', route, `integers from 1 to ${ROUTE_MAX}: names are for clients that speak JSON`)
}

function share(name: string, value: number): number {
  if (!(value >= 0 && value <= 1)) throw invalid(name, value, 'a number from 0 to 1')
  return value
}
