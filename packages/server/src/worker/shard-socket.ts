/**
 * Owns the link from a socket to its connection: what a shared read callback finds behind `this`.
 * Must not know: what a connection does.
 */
import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Connection } from './connection.ts'

export class ShardSocket extends Socket {
  readonly connection: Connection

  constructor(options: SocketConstructorOpts, create: (socket: Socket) => Connection) {
    super(options)
    this.connection = create(this)
  }
}
