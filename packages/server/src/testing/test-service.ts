/**
 * Owns `testService`: a service with everything that serves it, and no socket.
 * Must not know: test runners.
 * Invariant: what a test sees went the way that it goes over a socket: encoded, decoded, through limits, middleware,
 * schemas, the handler and back.
 */
import { DRAINING, ShardwireError } from '@shardwire/protocol'
import { readMachine } from '../config/machine.ts'
import { systemClock } from '../clock.ts'
import { closeReasonName } from '../close-reason.ts'
import type { Config } from '../config/load-config.ts'
import { configFrom, type ServerOptions } from '../embed/server-options.ts'
import { ScopedClock } from '../embed/scoped-clock.ts'
import { createLogger } from '../log.ts'
import { systemRandom } from '../random.ts'
import { isService, type Service, type TypesOf } from '../service/service.ts'
import type { RouteDefinition } from '../service/route.ts'
import type { TlsPeer } from '../service/tls-peer.ts'
import type { Connection } from '../worker/connection.ts'
import { createShard, type CreatedShard } from '../worker/create-shard.ts'
import { FrameInbox } from './frame-inbox.ts'
import { MemorySocket } from './memory-socket.ts'
import { helloOf, type TestClient } from './test-client.ts'
import { type Arguments, type CallOptions, type Routes, type SpokenRoute, TestConnection } from './test-connection.ts'

/** Options of the server that are about how it serves, not where it listens. */
export type TestOptions = Omit<
  ServerOptions,
  'listen' | 'transport' | 'tlsCert' | 'tlsKey' | 'tlsCa' | 'tlsClientAuth' | 'tlsSpiffeAllow' | 'backlog'
>

export interface TestCallOptions extends CallOptions {
  /** Asks over a connection of its own, of this client. */
  readonly client?: TestClient | undefined
}

const NO_TLS: TlsPeer = {
  protocol: 'TLSv1.3',
  resumed: false,
  authorized: false,
  spiffeId: undefined,
  subject: undefined,
  fingerprint: undefined,
}
const LOCAL_ADDRESS = '127.0.0.1'
const FIRST_PORT = 49_152

interface TestedParts {
  readonly config: Config
  readonly clock: ScopedClock
  readonly created: CreatedShard
  readonly service: Service
  /** Who is told of the end of a connection. */
  readonly ends: Map<Connection, (reason: string) => void>
}

export class TestedService<Types extends Routes> implements AsyncDisposable {
  readonly #parts: TestedParts
  readonly #routes: ReadonlyMap<string, SpokenRoute>
  #shared: TestConnection<Types> | undefined
  #ports = FIRST_PORT
  #closed: Promise<void> | undefined

  /** For `testService`. */
  constructor(parts: TestedParts) {
    this.#parts = parts
    this.#routes = new Map(parts.service.routes.map((route) => [route.name, route]))
  }

  /**
   * Asks a route by its name. Rejects with the ShardwireError that a client would get. Without a client all calls share
   * a connection; when it has ended, or was told to leave, the next call opens another.
   */
  async call<Name extends keyof Types & string>(
    name: Name,
    ...args: Arguments<Types[Name], TestCallOptions>
  ): Promise<Types[Name]['answer']> {
    const { client } = (args[1] ?? {}) as TestCallOptions
    if (client === undefined) return await this.#ready().call(name, ...args)
    const connection = this.connect(client)
    try {
      return await connection.call(name, ...args)
    } finally {
      await connection.close()
    }
  }

  /** Opens a connection; it is there at once, and has said HELLO. Throws DRAINING after `close`. */
  connect(client: TestClient = {}): TestConnection<Types> {
    if (this.#closed !== undefined) throw new ShardwireError(DRAINING, 'the tested service was closed by its test')
    const { created, config, ends } = this.#parts
    const { shard } = created
    const hello = helloOf(client)
    const [listener] = config.listen
    const { remoteAddress = LOCAL_ADDRESS, remotePort = this.#ports++, tls, attributes } = client
    const socket = new MemorySocket({
      remoteAddress,
      remotePort,
      onBytes: (bytes) => test.receive(bytes),
      // As most clients do: an end is answered with an end.
      onEnd: () => socket.arriveEnd(),
      onClosed: () => undefined,
    })
    const connection = shard.adopt(socket.asSocket, 0)
    const inbox = new FrameInbox(listener?.maxFrameBytes ?? 0)
    const test: TestConnection<Types> = new TestConnection<Types>({
      routes: this.#routes,
      hello,
      inbox,
      send: (bytes) => socket.arrive(bytes),
      sendEnd: () => socket.arriveEnd(),
    })
    ends.set(connection, (reason) => test.ended(reason))
    if (tls !== undefined) connection.tls = { ...NO_TLS, ...tls }
    if (attributes !== undefined) Object.assign(shard.servedOf(connection).attributes, attributes)
    shard.open(connection)
    return test
  }

  /** Ends every connection as a drain does, then the service. Also at the end of an `await using`. */
  async close(): Promise<void> {
    await (this.#closed ??= this.#close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #ready(): TestConnection<Types> {
    if (this.#shared?.isUsable !== true) this.#shared = this.connect()
    return this.#shared
  }

  async #close(): Promise<void> {
    const { created, config, clock } = this.#parts
    const { shard, hooks, offload } = created
    const { drainTimeoutMs: deadlineMs } = config
    const drained = Promise.withResolvers<unknown>()
    shard.drain({ deadlineMs, rolling: false, isLocal: true }, drained.resolve)
    await drained.promise
    await hooks.stop(deadlineMs)
    await offload.close()
    clock.end()
  }
}

/**
 * Serves a service to a test, without a socket. Everything else is the real thing: bodies are encoded and decoded,
 * schemas, middleware, hooks, limits, deadlines and threads are those of a worker, and so are its errors.
 *
 * ```ts
 * await using tested = await testService(service)
 * expect(await tested.call('greet', { uid: 'pixel-1', val: 'hi' })).toMatchObject({ uid: 'pixel-1' })
 * ```
 *
 * Rejects as `createServer` does.
 */
export async function testService<const Definitions extends Readonly<Record<string, RouteDefinition>>>(
  service: Service<Definitions>,
  options: TestOptions = {},
): Promise<TestedService<TypesOf<Definitions>>> {
  if (!isService(service)) throw new TypeError('service: expected what defineService({ name, routes }) returns')
  const silent: TestOptions = { heartbeatMs: 0, logLevel: 'error' }
  const config = configFrom({ ...silent, ...options, transport: 'socket' }, readMachine(), noFile)
  const clock = new ScopedClock(systemClock)
  const ends = new Map<Connection, (reason: string) => void>()
  const created = await createShard({
    identity: { slot: 0, epoch: 'test' },
    config,
    service,
    log: createLogger({ clock, level: config.logLevel, format: config.logFormat, base: { role: 'test' } }),
    clock,
    random: systemRandom,
    configured: true,
    tls: () => null,
    rawBinding: undefined,
    onClosed: (connection) => {
      ends.get(connection)?.(closeReasonName(connection.closeReason))
      ends.delete(connection)
    },
  })
  return new TestedService({ config, clock, created, service, ends })
}

function noFile(path: string): never {
  throw new Error(`a test reads no file, ${path} was asked for`)
}
