/**
 * Owns every use of what Node does not document of connections: the handle below a socket (TCP, or a Unix socket's
 * pipe), and the table through which it reports.
 * Must not know: what is done with the sockets.
 * Invariant: no other file calls a method of a connection's handle. `loadRawBinding` says at start whether this Node
 * still has what is used here; where it has not, the daemon runs on documented sockets alone (`socket-transport.ts`).
 *
 * Why: a `net.Socket` costs 3.0 KB of resident memory a connection, the handle below it 0.9 KB, and for each read and
 * write it runs the machinery of two streams. Node's own cluster module hands handles over in the same way.
 */
import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

declare const handleBrand: unique symbol

/** The request of a write that did not finish at once. */
interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  /** Keep what is written, and who wrote it, until it is. */
  memory: Uint8Array
  handle: RawHandle
  /** Set when it finished before `oncomplete` was there. */
  writeStatus: number | null
}

interface ShutdownRequest {
  oncomplete: (this: ShutdownRequest, status: number) => void
  handle: RawHandle
}

/** A connection below `net.Socket`; nobody reads from it until `start`. */
export interface RawHandle {
  readonly [handleBrand]: true
  readonly writeQueueSize: number
  /** Ours: who gets this handle's events. */
  sink: HandleSink | undefined
  onread: (this: RawHandle) => Uint8Array | undefined
  useUserBuffer(memory: Uint8Array): void
  readStart(): number
  readStop(): number
  writeBuffer(request: null, memory: Uint8Array): number | WriteRequest
  shutdown(request: ShutdownRequest): number
  /** Of TCP only, as all below `close`. */
  reset?(onClosed: (this: RawHandle) => void): number
  close(onClosed?: (this: RawHandle) => void): void
  setNoDelay?(on: boolean): number
  setKeepAlive?(on: boolean, delayS: number, intervalS: number, probes: number): number
  getpeername?(out: { address?: string; port?: number }): number
}

/** Who gets the events of a handle. */
export interface HandleSink {
  /** @returns where the next read shall land; undefined when nothing changes */
  onRead(bytes: number): Uint8Array | undefined
  onEnd(): void
  /** The connection broke: reads or writes fail from now on. */
  onBroken(): void
  onWritten(): void
  onFinished(): void
  onClosed(): void
}

/** The part of Node's stream binding that is used. */
export interface RawBinding {
  readonly ShutdownWrap: new () => ShutdownRequest
  /** Results of the last call, by the indices below. */
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
  readonly kLastWriteErr: number
}

const UV_EOF = -4095
const UV_ENOTCONN = -107
/** Handles take seconds. */
export const MS_PER_S = 1000
/** What a handle must have. */
const MEMBERS = [
  ...[
    'onread',
    'useUserBuffer',
    'readStart',
    'readStop',
    'writeBuffer',
    'writeQueueSize',
    'shutdown',
    'reset',
    'close',
  ],
  ...['setNoDelay', 'setKeepAlive', 'getpeername'],
]

/** @returns undefined where this Node does not give out, or no longer has, all that is used here */
export function loadRawBinding(): RawBinding | undefined {
  const binding = loadBinding('stream_wrap')
  if (!isRawBinding(binding)) return undefined
  const handles: unknown = Reflect.get(loadBinding('tcp_wrap'), 'TCP')
  const prototype: unknown = typeof handles === 'function' ? handles.prototype : undefined
  if (typeof prototype !== 'object' || prototype === null) return undefined
  return MEMBERS.every((member) => member in prototype) ? binding : undefined
}

/** One of Node's bindings; an empty object where there is none of that name. */
export function loadBinding(name: string): object {
  const load: unknown = Reflect.get(process, 'binding')
  if (typeof load !== 'function') return {}
  try {
    const binding: unknown = Reflect.apply(load, process, [name])
    return typeof binding === 'object' && binding !== null ? binding : {}
  } catch (error) {
    // "No such module": then it is not there, which is the answer.
    if (error instanceof Error) return {}
    throw error
  }
}

function isRawBinding(value: object): value is RawBinding {
  const isIndex = (name: string): boolean => typeof Reflect.get(value, name) === 'number'
  return (
    typeof Reflect.get(value, 'ShutdownWrap') === 'function' &&
    Reflect.get(value, 'streamBaseState') instanceof Int32Array &&
    isIndex('kReadBytesOrError') &&
    isIndex('kLastWriteErr')
  )
}

/** A documented socket over a raw handle; like that, it does not read until somebody asks. */
export function socketOverHandle(handle: RawHandle): Socket {
  // Its type knows only what is documented.
  const options: object = { handle, manualStart: true, allowHalfOpen: true }
  return new Socket(options)
}

/**
 * What OpenSSL has against the certificate that the other end has shown; undefined when nothing. Node documents the
 * answer only for sockets that a `tls.Server` made.
 */
export function verifyErrorOf(socket: TLSSocket): string | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  const verify: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'verifyError') : undefined
  if (typeof verify !== 'function') return `Node ${process.version} does not tell`
  const error: unknown = Reflect.apply(verify, handle, [])
  if (error === null || error === undefined) return undefined
  return error instanceof Error && 'code' in error ? String(error.code) : 'no reason was given'
}

/** Whether a value that came over IPC is a raw handle. */
export function isRawHandle(value: unknown): value is RawHandle {
  return typeof value === 'object' && value !== null && 'readStart' in value && 'writeBuffer' in value
}

/** The calls on handles, with the callbacks that all handles of a process share. */
export class RawHandles {
  readonly #binding: RawBinding
  readonly #onread: RawHandle['onread']

  constructor(binding: RawBinding) {
    const { streamBaseState, kReadBytesOrError } = binding
    this.#binding = binding
    this.#onread = function onread(this: RawHandle): Uint8Array | undefined {
      const bytes = streamBaseState[kReadBytesOrError] as number
      const { sink } = this
      if (sink === undefined) return undefined
      if (bytes > 0) return sink.onRead(bytes)
      if (bytes === UV_EOF) sink.onEnd()
      else if (bytes < 0) sink.onBroken()
      return undefined
    }
  }

  /** Gives the events of `handle` to `sink`, and its reads a place to land. */
  attach(handle: RawHandle, sink: HandleSink, memory: Uint8Array): void {
    handle.sink = sink
    handle.onread = this.#onread
    handle.useUserBuffer(memory)
  }

  /** @returns false when the connection is broken already */
  startReading(handle: RawHandle): boolean {
    return handle.readStart() === 0
  }

  stopReading(handle: RawHandle): void {
    handle.readStop()
  }

  configure(handle: RawHandle, nodelay: boolean, keepaliveMs: number, intervalMs: number, probes: number): void {
    // A Unix socket has no such options.
    if (handle.setNoDelay === undefined || handle.setKeepAlive === undefined) return
    if (nodelay) handle.setNoDelay(true)
    if (keepaliveMs === 0) return
    handle.setKeepAlive(true, Math.floor(keepaliveMs / MS_PER_S), Math.floor(intervalMs / MS_PER_S), probes)
  }

  /** @returns true when the kernel took everything, or nothing will ever be (then `onBroken` was called) */
  write(handle: RawHandle, memory: Uint8Array): boolean {
    const request = handle.writeBuffer(null, memory)
    if (request === 0) return true
    const { streamBaseState, kLastWriteErr } = this.#binding
    if (typeof request === 'number' || streamBaseState[kLastWriteErr] !== 0) {
      handle.sink?.onBroken()
      return true
    }
    request.memory = memory
    request.handle = handle
    request.oncomplete = onWritten
    if (request.writeStatus !== null && request.writeStatus !== undefined) request.oncomplete(request.writeStatus)
    return false
  }

  /** Sends FIN. */
  end(handle: RawHandle): void {
    const request = new this.#binding.ShutdownWrap()
    request.handle = handle
    request.oncomplete = onShutdown
    const status = handle.shutdown(request)
    if (status === 0) return
    if (status === 1 || status === UV_ENOTCONN) request.oncomplete(0)
    else handle.sink?.onBroken()
  }

  /** Sends a few bytes and FIN from a handle that nobody reads. @returns false unless the kernel took them at once */
  sendLast(handle: RawHandle, memory: Uint8Array): boolean {
    const request = handle.writeBuffer(null, memory)
    if (typeof request !== 'number') request.oncomplete = ignore
    if (request !== 0) return false
    this.end(handle)
    return true
  }

  close(handle: RawHandle): void {
    handle.close(onHandleClosed)
  }

  reset(handle: RawHandle): void {
    if (handle.reset?.(onHandleClosed) !== 0) handle.close(onHandleClosed)
  }
}

function onWritten(this: WriteRequest, status: number): void {
  const { sink } = this.handle
  if (sink === undefined) return
  // First, so that a write that failed is not taken for one that left.
  if (status < 0) sink.onBroken()
  sink.onWritten()
}

function onShutdown(this: ShutdownRequest, status: number): void {
  const { sink } = this.handle
  if (status < 0) sink?.onBroken()
  else sink?.onFinished()
}

/** The other end's address; undefined where it is gone, or there is none. */
export function peerOfHandle(handle: RawHandle): string | undefined {
  const peer: { address?: string } = {}
  return typeof handle.getpeername === 'function' && handle.getpeername(peer) === 0 ? peer.address : undefined
}

function ignore(): void {
  return undefined
}

function onHandleClosed(this: RawHandle): void {
  const { sink } = this
  this.sink = undefined
  sink?.onClosed()
}
