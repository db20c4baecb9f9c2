/**
 * Owns a real TCP proxy in front of a server, through which a test makes a network as bad as it likes, while it runs.
 * Must not know: frames, or who is right.
 * Invariant: without faults both ends see each other as if directly connected: bytes, FIN and reset pass in order, in
 * both directions. Disposing leaves no socket, no listener and no timer behind. Clock and randomness are passed in.
 */
import type { Clock } from '@shardwire/protocol'
import net from 'node:net'
import { once } from 'node:events'
import { systemClock } from './clock.ts'
import { FaultPipe } from './fault-pipe.ts'
import { type Faults, NO_FAULTS } from './faults.ts'
import { WaitQueue } from './queue.ts'
import { Random } from './random.ts'

const READ_BYTES = 65_536
const SEED_MAX = 0xffff_ffff
/** Connections that wait to be taken: where nobody ever takes one, they must not pile up. */
const ARRIVALS_MAX = 100

/** Faults of both directions. */
export interface FaultPair {
  readonly toServer: Partial<Faults>
  readonly toClient: Partial<Faults>
}

export interface FaultProxyOptions {
  /** Port of 127.0.0.1 that it stands in front of. */
  readonly port: number
  readonly random: Random
  readonly clock?: Clock
  /** Called for each connection before its first byte is read: the place to program it. */
  readonly onConnection?: (connection: ProxiedConnection, index: number) => void
}

/** One connection of a client, and the one to the server that belongs to it. */
export class ProxiedConnection {
  /** What the client sends, on its way to the server. */
  readonly toServer: FaultPipe
  /** What the server sends, on its way to the client. */
  readonly toClient: FaultPipe
  /** Settles when both sockets are gone. */
  readonly gone: Promise<void>
  readonly #client: net.Socket
  readonly #server: net.Socket

  constructor(client: net.Socket, server: net.Socket, clock: Clock, random: Random) {
    this.#client = client
    this.#server = server
    const onCut = (action: 'reset' | 'hole'): void => {
      if (action === 'reset') this.reset()
      else this.blackHole()
    }
    this.toServer = new FaultPipe({ source: client, target: server, clock, random, onCut })
    this.toClient = new FaultPipe({ source: server, target: client, clock, random, onCut })
    client.on('data', (chunk: Uint8Array) => this.toServer.push(chunk))
    this.gone = this.#bothGone()
  }

  get isHole(): boolean {
    return this.toServer.faults.hole && this.toClient.faults.hole
  }

  set(faults: Partial<FaultPair>): void {
    this.toServer.set(faults.toServer ?? {})
    this.toClient.set(faults.toClient ?? {})
  }

  /** Neither end hears of the other any more, as if a host were gone. What they send fills their kernels' buffers. */
  blackHole(): void {
    this.set({ toServer: { hole: true }, toClient: { hole: true } })
  }

  /** Ends every fault; a black hole gives what it held. */
  heal(): void {
    this.set({ toServer: NO_FAULTS, toClient: NO_FAULTS })
    if (this.#client.destroyed || this.#server.destroyed) this.reset()
  }

  /** Resets what `side` sees of the connection; the other side is reset too unless it is a black hole. */
  reset(side: 'client' | 'server' | 'both' = 'both'): void {
    if (side !== 'server') resetSocket(this.#client)
    if (side !== 'client') resetSocket(this.#server)
  }

  /** Ends both sockets at once. */
  destroy(): void {
    this.toServer.stop()
    this.toClient.stop()
    this.#client.destroy()
    this.#server.destroy()
  }

  async #bothGone(): Promise<void> {
    const client = this.#watch(this.#client, this.toServer, this.#server)
    const server = this.#watch(this.#server, this.toClient, this.#client)
    await client
    await server
  }

  async #watch(source: net.Socket, pipe: FaultPipe, target: net.Socket): Promise<void> {
    const closed = Promise.withResolvers<void>()
    let wasReset = false
    source.on('end', () => pipe.pushEnd())
    source.on('error', () => {
      wasReset = true
    })
    source.on('close', () => {
      // A reset overtakes the bytes before it, as on the wire; a socket that saw both FINs passed them on already.
      if (!pipe.faults.hole && (wasReset || !source.readableEnded)) {
        pipe.stop()
        resetSocket(target)
      }
      closed.resolve()
    })
    await closed.promise
  }
}

export class FaultProxy {
  /** Those that are open, in the order in which they came. */
  readonly connections = new Set<ProxiedConnection>()
  /** What connections begin with; those that are open are not changed. */
  faults: Partial<FaultPair> = {}
  readonly #options: FaultProxyOptions
  readonly #server: net.Server
  readonly #arrivals = new WaitQueue<ProxiedConnection>('connection')
  /** Ends of clients whose server is not connected yet. */
  readonly #connecting = new Set<() => void>()
  #count = 0

  private constructor(options: FaultProxyOptions) {
    this.#options = options
    // The smallest mark: a paused socket stops reading after one read at most.
    const settings = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: 1 }
    this.#server = net.createServer(settings, (client) => this.#accept(client))
  }

  /** Listens on a free port of 127.0.0.1. */
  static async listen(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    proxy.#server.listen({ port: 0, host: '127.0.0.1' })
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
    return address.port
  }

  /** The next connection that nobody took from here. */
  async nextConnection(): Promise<ProxiedConnection> {
    return await this.#arrivals.take()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const giveUp of this.#connecting) giveUp()
    const open = [...this.connections]
    for (const connection of open) connection.destroy()
    await Promise.all([closed, ...open.map((connection) => connection.gone)])
    this.#arrivals.fail(new Error('the proxy is gone'))
  }

  /** The client is not read before the server is there: a socket that still connects can not be paused. */
  #accept(client: net.Socket): void {
    const { port } = this.#options
    let pipe: FaultPipe | undefined
    // Read this way a paused socket reads nothing at all: neither bytes nor FIN nor reset are noticed.
    const onread = {
      buffer: new Uint8Array(READ_BYTES),
      callback: (bytes: number, memory: Uint8Array): boolean => {
        pipe?.push(new Uint8Array(memory.subarray(0, bytes)))
        return true
      },
    }
    const server = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true, onread })
    const giveUp = (): void => {
      resetSocket(client)
      server.destroy()
    }
    this.#connecting.add(giveUp)
    client.on('error', giveUp)
    server.on('error', giveUp)
    server.on('connect', () => {
      this.#connecting.delete(giveUp)
      client.off('error', giveUp)
      server.off('error', giveUp)
      pipe = this.#connected(client, server).toClient
    })
    server.on('close', () => this.#connecting.delete(giveUp))
  }

  #connected(client: net.Socket, server: net.Socket): ProxiedConnection {
    const { random, clock = systemClock, onConnection } = this.#options
    const connection = new ProxiedConnection(client, server, clock, new Random(random.integer(0, SEED_MAX)))
    this.connections.add(connection)
    void connection.gone.then(() => this.connections.delete(connection))
    connection.set({ toServer: {}, toClient: {}, ...this.faults })
    onConnection?.(connection, this.#count++)
    if (this.#arrivals.length < ARRIVALS_MAX) this.#arrivals.put(connection)
    return connection
  }
}

/** Node cannot reset a socket whose FIN is under way: such a one would never close. */
function resetSocket(socket: net.Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
