/**
 * Owns what an accepted socket is before it is a connection: something to send on, to serve, and to close.
 * Must not know: workers, connections.
 * Invariant: nobody reads from a raw one, and from a documented one nobody but who asked for that.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { isRawHandle, peerOfHandle, type RawHandle } from './raw-handle.ts'
import { takeRawConnections } from './raw-listening.ts'

/** An accepted socket: as a raw handle, or wrapped as a documented one. */
export interface Accepted {
  close(): void
}

class AcceptedSocket implements Accepted {
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    // A peer that resets while its socket waits here is the worker's business.
    socket.on('error', () => undefined)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** What `process.send` takes beside its message, and a worker serves. */
export function socketOf(accepted: Accepted): RawHandle | Socket | undefined {
  if (accepted instanceof AcceptedSocket) return accepted.socket
  return isRawHandle(accepted) ? accepted : undefined
}

/** The other end's IP address; undefined where it is gone already, or the socket is not of the network. */
export function peerOf(socket: RawHandle | Socket): string | undefined {
  return isRawHandle(socket) ? peerOfHandle(socket) : socket.remoteAddress
}

export interface AcceptOptions {
  /** Whether sockets are taken as raw handles. */
  readonly raw: boolean
  /** Whether a documented one is read at once; else not before somebody resumes it. */
  readonly reads: boolean
  readonly onSocket: (accepted: Accepted) => void
  /** An accept failed, with libuv's negative error number. */
  readonly onFault: (status: number) => void
}

/** A server whose connections go to `onSocket`; for raw ones `takeAccepted` must follow once it listens. */
export function createAcceptor({ raw, reads, onSocket }: AcceptOptions): Server {
  if (raw) return createServer()
  return createServer({ pauseOnConnect: !reads, allowHalfOpen: true }, (socket) => onSocket(new AcceptedSocket(socket)))
}

/** Begins to take connections of a listening server. */
export function takeAccepted(server: Server, { raw, onSocket, onFault }: AcceptOptions): void {
  if (raw) takeRawConnections(server, onSocket, onFault)
}
