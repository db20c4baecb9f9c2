/**
 * Owns servers without a network: what an attempt to connect comes to, and connections that do as a test says.
 * Must not know: what is tested.
 */
import { GOAWAY } from '../support.ts'
import type { Goaway, ShardwireError, Welcome } from '@shardwire/protocol'
import { FakeClock, nextTurn } from '@shardwire/testkit'
import { ClientError, createClient } from '../../src/index.ts'
import type {
  Client,
  ClientOptions,
  CloseInfo,
  ConnectOptions,
  Connection,
  ConnectionStats,
  ConnectionStatus,
  DialReport,
  RequestOptions,
  StatusEvent,
} from '../../src/index.ts'

/** A request that a fake server has, to be settled by the test. */
export interface FakeRequest {
  readonly connection: FakeConnection
  readonly route: number
  readonly body: Uint8Array
  readonly options: RequestOptions
  readonly resolve: (answer: Uint8Array) => void
  readonly reject: (error: Error) => void
}

/** What an address does with an attempt: takes it, refuses it with an error, or lets it hang. */
export type Fate = 'up' | 'hang' | Error

export const REFUSED = new ClientError('CONNECT_FAILED', 'connect failed (ECONNREFUSED)')

export class FakeConnection implements Connection {
  readonly target: string
  readonly codec = 'frame'
  readonly welcome: Welcome
  readonly dialed: DialReport
  readonly closed: Promise<CloseInfo>
  readonly requests: FakeRequest[] = []
  readonly sent: number[] = []
  goaway: Goaway | undefined
  serverError: ShardwireError | undefined
  status: ConnectionStatus = 'open'
  onMessage: Connection['onMessage']
  /** What `send` says. */
  takesMore = true
  readonly #options: ConnectOptions
  readonly #network: FakeNetwork
  readonly #settle: (close: CloseInfo) => void

  constructor(network: FakeNetwork, options: ConnectOptions, count: number) {
    this.#network = network
    this.#options = options
    this.target = `${options.host}:${options.port}`
    this.dialed = { address: this.target, phases: [], tries: [], tls: undefined }
    const connection = `${this.target}#${count}`
    this.welcome = { protocol: 1, server: 'fake', connection, shard: 0, maxFrameBytes: 65_536, heartbeatMs: 0 }
    const { promise, resolve } = Promise.withResolvers<CloseInfo>()
    this.closed = promise
    this.#settle = resolve
  }

  get name(): string {
    return this.welcome.connection
  }
  get isOpen(): boolean {
    return this.status === 'open' || this.status === 'suspect'
  }
  get stats(): ConnectionStats {
    return {
      roundTripMs: undefined,
      requestsInFlight: this.requests.length,
      requestsCancelled: 0,
      answersLate: 0,
      answersUnknown: 0,
      requestsServed: 0,
      messagesUnheard: 0,
      bytesUnsent: 0,
    }
  }

  request(route: number, body: Uint8Array = new Uint8Array(0), options: RequestOptions = {}): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    if (!this.isOpen) throw new Error(`a request on ${this.name}, which is ${this.status}`)
    if (this.status === 'suspect') throw new Error(`a request on ${this.name}, which is suspect`)
    // Copied, as the interface says.
    const request = { connection: this, route, body: new Uint8Array(body), options, resolve, reject }
    this.requests.push(request)
    void promise.finally(() => this.requests.splice(this.requests.indexOf(request), 1)).catch(() => undefined)
    this.#network.onRequest(request)
    return promise
  }
  requestValue(): Promise<unknown> {
    throw new Error('not used by the client')
  }
  requestMsgpack(): Promise<unknown> {
    throw new Error('not used by the client')
  }
  send(route: number): boolean {
    this.sent.push(route)
    return this.takesMore
  }
  sendValue(route: number): boolean {
    return this.send(route)
  }
  sendMsgpack(): boolean {
    throw new Error('not used by the client')
  }
  handle(): void {
    throw new Error('not used by the client')
  }
  handleMsgpack(): void {
    throw new Error('not used by the client')
  }
  ping(): Promise<number> {
    throw new Error('not used by the client')
  }
  async drained(): Promise<void> {
    await nextTurn()
  }

  async close(): Promise<void> {
    if (this.status === 'closed') return
    this.status = 'closing'
    while (this.requests.length > 0) await nextTurn()
    this.#end('closed')
  }
  destroy(): void {
    this.#fail('CONNECTION_DESTROYED', 'destroyed')
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The server resets it. */
  lose(): void {
    this.#fail('CONNECTION_LOST', 'lost')
  }

  /** The server sent FIN: what is in flight fails, but the socket is not gone. @returns what makes it go */
  half(): () => void {
    const error = new ClientError('CONNECTION_LOST', 'ended')
    this.status = 'closed'
    for (const { reject } of [...this.requests]) reject(error)
    return () => this.#end('ended', error)
  }

  /** The server lets it in, and then refuses it: ERROR, and FIN. */
  refuse(error: ShardwireError): void {
    this.serverError = error
    this.half()()
  }

  /** The server sends GOAWAY, and the connection ends once nothing is in flight. */
  sendGoaway(values: Partial<Goaway> = {}): void {
    this.goaway = { ...GOAWAY, ...values }
    this.status = 'draining'
    this.#options.onGoaway?.(this.goaway)
    void this.#drain()
  }

  suspect(isSuspect: boolean): void {
    this.status = isSuspect ? 'suspect' : 'open'
    this.#options.onSuspect?.(isSuspect)
  }

  push(route: number): void {
    this.#options.onMessage?.({ route, body: new Uint8Array(0), meta: undefined, value: () => undefined })
  }

  async #drain(): Promise<void> {
    while (this.requests.length > 0) await nextTurn()
    this.#end('goaway')
  }

  #fail(code: 'CONNECTION_LOST' | 'CONNECTION_DESTROYED', end: 'lost' | 'destroyed'): void {
    if (this.status === 'closed') return
    const error = new ClientError(code, end)
    this.status = 'closed'
    for (const { reject } of [...this.requests]) reject(error)
    this.#end(end, error)
  }

  #end(end: CloseInfo['end'], error?: ClientError): void {
    this.status = 'closed'
    this.#network.open.delete(this)
    this.#settle({ end, error, requestsInFlight: 0, bytesUnsent: 0 })
  }
}

export class FakeNetwork {
  readonly clock = new FakeClock()
  /** Connections that are not gone. */
  readonly open = new Set<FakeConnection>()
  /** Every one that ever was. */
  readonly all: FakeConnection[] = []
  /** `target@time` of every attempt, the time from the beginning of the test. */
  readonly attempts: string[] = []
  readonly events: StatusEvent[] = []
  /** What is done with each request; nothing by default: the test looks into `pending`. */
  serve: ((request: FakeRequest) => void) | undefined
  readonly #beganMs = this.clock.nowMs()
  readonly #fates = new Map<string, Fate>()
  #hanging = 0

  /** Attempts that hang. */
  get hanging(): number {
    return this.#hanging
  }

  /** Requests that no answer has come to, of all connections. */
  get pending(): FakeRequest[] {
    return this.all.flatMap(({ requests }) => requests)
  }

  /** What becomes of attempts from now on; addresses are up unless told otherwise. */
  set(target: string, fate: Fate): void {
    this.#fates.set(target, fate)
  }

  of(target: string): FakeConnection[] {
    return [...this.open].filter((connection) => connection.target === target)
  }

  onRequest(request: FakeRequest): void {
    this.serve?.(request)
  }

  readonly dial = async (options: ConnectOptions): Promise<Connection> => {
    const target = `${options.host}:${options.port}`
    this.attempts.push(`${target}@${Math.round(this.clock.nowMs() - this.#beganMs)}`)
    const fate = this.#fates.get(target) ?? 'up'
    if (fate instanceof Error) throw fate
    if (fate === 'hang') await this.#hang(options)
    const connection = new FakeConnection(this, options, this.all.length)
    this.open.add(connection)
    this.all.push(connection)
    return connection
  }

  /** Lets everything that is ready happen, and then `ms` pass, in small steps. */
  async pass(ms = 0): Promise<void> {
    await nextTurn()
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(Math.min(50, left))
      await nextTurn()
    }
  }

  async #hang({ signal, timeoutMs = 5000 }: ConnectOptions): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>()
    const cancel = this.clock.after(timeoutMs, () => reject(new ClientError('CONNECT_TIMEOUT', 'timeout')))
    const onAbort = (): void => reject(new ClientError('ABORTED', 'aborted'))
    signal?.addEventListener('abort', onAbort)
    this.#hanging++
    try {
      await promise
    } finally {
      this.#hanging--
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }
}

export interface Scene {
  readonly network: FakeNetwork
  readonly clock: FakeClock
  readonly client: Client
}

/** A client of `a:1` unless the options say otherwise, as it is when everything that is ready has happened. */
export async function scene(
  options: Partial<ClientOptions> = {},
  prepare: (network: FakeNetwork) => void = () => undefined,
): Promise<Scene> {
  const network = new FakeNetwork()
  prepare(network)
  const { clock, dial } = network
  const client = createClient({
    addresses: ['a:1'],
    clock,
    dial,
    random: () => 0.5,
    onStatus: (event) => network.events.push(event),
    ...options,
  })
  await nextTurn()
  return { network, clock, client }
}

/** Closes the client and looks for what it left behind. */
export async function leavesNothing({ network, clock, client }: Scene): Promise<void> {
  await client.close()
  const told = network.events.length
  await network.pass(50)
  if (network.events.length > told) throw new Error(`told after its end: ${JSON.stringify(network.events.slice(told))}`)
  const left = { connections: network.open.size, timers: clock.pendingTimers, hanging: network.hanging }
  if (left.connections + left.timers + left.hanging > 0) throw new Error(`left behind: ${JSON.stringify(left)}`)
}
