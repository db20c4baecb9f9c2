/**
 * Owns a TCP client that sends what it is told and keeps what it gets: for tests of servers.
 * Must not know: requests, answers, what a well-behaved client would do.
 * Invariant: nothing is sent that a test did not ask for, not even a FIN.
 */
import net from 'node:net'
import { once } from 'node:events'
import tls from 'node:tls'
import { SocketEnd } from './socket-end.ts'
import { withinLimit } from './time-limit.ts'

export class RawClient extends SocketEnd {
  /** Connects to a port of `host`. Rejects with the system's error. */
  static async connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = net.connect({ port, host, allowHalfOpen: true, noDelay: true })
    await withinLimit(once(socket, 'connect'), () => `no connection to ${host}:${port}`)
    return new RawClient(socket)
  }

  /** Connects to a Unix socket. */
  static async connectPath(path: string): Promise<RawClient> {
    const socket = net.connect({ path, allowHalfOpen: true })
    await withinLimit(once(socket, 'connect'), () => `no connection to ${path}`)
    return new RawClient(socket)
  }

  /** Connects with TLS. Rejects with the system's error, or OpenSSL's. */
  static async connectTls(port: number, options: tls.ConnectionOptions = {}): Promise<TlsClient> {
    const all = { host: '127.0.0.1', allowHalfOpen: true, ...options, port }
    const socket = tls.connect(all)
    const ticket = Promise.withResolvers<Buffer>()
    socket.once('session', ticket.resolve)
    socket.setNoDelay(true)
    await withinLimit(once(socket, 'secureConnect'), () => `no TLS with port ${port}`)
    return new TlsClient(socket, ticket.promise)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy()
    await this.gone
  }
}

export class TlsClient extends RawClient {
  readonly tls: tls.TLSSocket
  /** What it can resume this session with; TLS 1.3 sends it after the handshake. */
  readonly ticket: Promise<Buffer>

  constructor(socket: tls.TLSSocket, ticket: Promise<Buffer>) {
    super(socket)
    this.tls = socket
    this.ticket = ticket
  }
}
