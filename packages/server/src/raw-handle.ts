/**
 * Owns every use of what Node does not document: the raw TCP handle behind a listening server and a socket.
 * Must not know: what is done with the sockets.
 * Invariant: no other file reads `_handle` or builds a Socket over a handle; a Node that hides what is
 * used here is told so at the start. Node's own cluster module hands connections over in the same way.
 */
import { type Server, Socket, type SocketConstructorOpts } from 'node:net'

declare const handleBrand: unique symbol

/**
 * A TCP connection below `net.Socket`: sent between processes as it is, read by nobody until a socket is built over it.
 */
export interface RawHandle {
  readonly [handleBrand]: true
  close(): void
}

/** What `onread` of a socket gets: the documented option of client sockets, which works over a raw handle too. */
export interface ReadInto {
  /** Memory for the next read; asked after each read. */
  readonly buffer: () => Uint8Array
  /** Called with `this` = the socket. Returning false pauses the socket. */
  readonly callback: (bytes: number, memory: Uint8Array) => boolean
}

interface ListeningHandle {
  onconnection: (status: number, handle: RawHandle | undefined) => void
}

/**
 * Takes accepted connections of a listening server as raw handles; the server itself never sees them.
 * @param onAccepted called for each, on the loop's accept
 * @param onFault called with libuv's negative error number when an accept failed
 */
export function takeRawConnections(
  server: Server,
  onAccepted: (handle: RawHandle) => void,
  onFault: (status: number) => void,
): void {
  const listening = listeningHandleOf(server)
  if (listening === undefined) {
    throw new Error(`this Node (${process.version}) hides the handle of a listening server; shardwire needs it`)
  }
  listening.onconnection = (status, handle) => {
    if (status !== 0 || handle === undefined) onFault(status)
    else onAccepted(handle)
  }
}

/** Whether a value that came over IPC is a raw handle. */
export function isRawHandle(value: unknown): value is RawHandle {
  return typeof value === 'object' && value !== null && 'readStart' in value && 'close' in value
}

/**
 * Options of a socket over a raw handle. `manualStart`: it reads nothing before `startReading`. `highWaterMark` 1: each
 * write that leaves bytes pending ends with 'drain', and only then is its memory free.
 */
export function socketOptions(handle: RawHandle, onread: ReadInto): SocketConstructorOpts {
  const options: unknown = { handle, onread, allowHalfOpen: true, manualStart: true, highWaterMark: 1 }
  return options as SocketConstructorOpts
}

/** Begins to read. */
export function startReading(socket: Socket): void {
  socket.read(0)
}

function listeningHandleOf(server: Server): ListeningHandle | undefined {
  const handle: unknown = Reflect.get(server, '_handle')
  if (typeof handle !== 'object' || handle === null || !('onconnection' in handle)) return undefined
  return handle as ListeningHandle
}
