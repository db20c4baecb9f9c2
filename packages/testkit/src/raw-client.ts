/**
 * Owns a TCP client that sends what it is told and keeps what it gets: for tests of servers.
 * Must not know: requests, answers, what a well-behaved client would do.
 * Invariant: nothing is sent that a test did not ask for, not even a FIN.
 */
import net from 'node:net'
import { once } from 'node:events'
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy()
    await this.gone
  }
}
