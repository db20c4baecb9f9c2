/**
 * Owns what an accepted socket is to the primary: something to send on, and to close.
 * Must not know: workers.
 * Invariant: the primary reads from neither kind.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { isRawHandle, type RawHandle, takeRawConnections } from '../transport/raw-handle.ts'

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

/** What `process.send` takes beside its message. */
export function sendable(accepted: Accepted): RawHandle | Socket | undefined {
  if (accepted instanceof AcceptedSocket) return accepted.socket
  return isRawHandle(accepted) ? accepted : undefined
}

export interface AcceptOptions {
  /** Whether sockets are taken as raw handles. */
  readonly raw: boolean
  readonly onSocket: (accepted: Accepted) => void
  /** An accept failed, with libuv's negative error number. */
  readonly onFault: (status: number) => void
}

/** A server whose connections go to `onSocket`; for raw ones `takeAccepted` must follow once it listens. */
export function createAcceptor({ raw, onSocket }: AcceptOptions): Server {
  if (raw) return createServer()
  return createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => onSocket(new AcceptedSocket(socket)))
}

/** Begins to take connections of a listening server. */
export function takeAccepted(server: Server, { raw, onSocket, onFault }: AcceptOptions): void {
  if (raw) takeRawConnections(server, onSocket, onFault)
}
