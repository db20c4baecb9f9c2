/**
 * Owns every use of what Node does not document: the TCP handle below a `net.Socket`.
 * Must not know: what is done with connections.
 * Invariant: no other file calls a method of a handle. `loadRawBinding` says whether this Node still has what is used
 * here; where it has not, connections are documented sockets (`socket-wire.ts`).
 *
 * Why: a holder of 19 000 idle connections needs a third of the memory, and a load process makes a quarter more echoes,
 * than with `net.Socket`, which runs the machinery of two streams for each read and write.
 */
import { isIPv6 } from 'node:net'
import process from 'node:process'
import { getSystemErrorName } from 'node:util'

import type { LocalPorts } from './local-ports.ts'
import { PORT_TAKEN, PORT_TRIES_MAX } from './wire.ts'
import type { Endpoint } from './wire.ts'

declare const handleBrand: unique symbol

/** The request of a write that did not finish at once. */
interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  /** Keep what is written, and whose it is, until it is. */
  memory: Uint8Array
  handle: RawHandle
}

interface ConnectRequest {
  oncomplete: (this: ConnectRequest, status: number) => void
  handle: RawHandle
  /** What is under way, so that it can be tried anew from another port. */
  attempt: Attempt
}

/** A connect, for as long as it is under way. */
interface Attempt {
  readonly to: Endpoint
  readonly sink: HandleSink
  /** Ports that may still be tried. */
  triesLeft: number
}

export interface RawHandle {
  readonly [handleBrand]: true
  /** Ours: who gets this handle's events. */
  sink: HandleSink | undefined
  onread: (this: RawHandle) => void
  useUserBuffer(memory: Uint8Array): void
  readStart(): number
  readStop(): number
  writeBuffer(request: null, memory: Uint8Array): number | WriteRequest
  bind(address: string, port: number): number
  bind6(address: string, port: number, flags: number): number
  connect(request: ConnectRequest, address: string, port: number): number
  connect6(request: ConnectRequest, address: string, port: number): number
  setNoDelay(on: boolean): number
  reset(onClosed: (this: RawHandle) => void): number
  close(onClosed: (this: RawHandle) => void): void
}

/** Who gets the events of a handle; `status` is libuv's negative error number, or 0. */
export interface HandleSink {
  /** The connect goes on with this handle: the port of the one before was taken. */
  onHandle(handle: RawHandle): void
  onConnected(status: number): void
  onRead(bytes: number): void
  onEnd(status: number): void
  onWritten(status: number): void
  onClosed(): void
}

/** The parts of Node's bindings that are used. */
export interface RawBinding {
  readonly TCP: new (type: number) => RawHandle
  readonly TCPConnectWrap: new () => ConnectRequest
  readonly socketType: number
  /** Results of the last call, by the indices below. */
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
  readonly kLastWriteErr: number
}

const UV_EOF = -4095
const METHODS = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'bind', 'bind6', 'connect', 'connect6']
const MEMBERS = [...METHODS, 'onread', 'setNoDelay', 'reset', 'close']

/** @returns undefined where this Node does not have all that is used here */
export function loadRawBinding(): RawBinding | undefined {
  const tcp = loadBinding('tcp_wrap')
  const stream = loadBinding('stream_wrap')
  const TCP: unknown = Reflect.get(tcp, 'TCP')
  const TCPConnectWrap: unknown = Reflect.get(tcp, 'TCPConnectWrap')
  const constants: unknown = Reflect.get(tcp, 'constants')
  const socketType: unknown = typeof constants === 'object' && constants !== null && Reflect.get(constants, 'SOCKET')
  const prototype: unknown = typeof TCP === 'function' ? TCP.prototype : undefined
  if (typeof prototype !== 'object' || prototype === null) return undefined
  if (!MEMBERS.every((member) => member in prototype)) return undefined
  const { streamBaseState, kReadBytesOrError, kLastWriteErr } = stream as Partial<RawBinding>
  const binding = { TCP, TCPConnectWrap, socketType, streamBaseState, kReadBytesOrError, kLastWriteErr }
  return isRawBinding(binding) ? binding : undefined
}

function isRawBinding(binding: Readonly<Record<keyof RawBinding, unknown>>): binding is RawBinding {
  const numbers = [binding.socketType, binding.kReadBytesOrError, binding.kLastWriteErr]
  const isComplete = numbers.every((value) => typeof value === 'number')
  return isComplete && typeof binding.TCPConnectWrap === 'function' && binding.streamBaseState instanceof Int32Array
}

/** One of Node's bindings; an empty object where there is none of that name. */
function loadBinding(name: string): object {
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

/** The name of libuv's negative error number: ECONNREFUSED. */
export function errorNameOf(status: number): string {
  return getSystemErrorName(status)
}

/** The calls on handles, with the callbacks that all handles of a process share. */
export class RawHandles {
  readonly #binding: RawBinding
  readonly #slab: Uint8Array
  readonly #ports: LocalPorts
  readonly #onread: RawHandle['onread']
  readonly #onConnected: ConnectRequest['oncomplete']

  constructor(binding: RawBinding, slab: Uint8Array, ports: LocalPorts) {
    const { streamBaseState, kReadBytesOrError } = binding
    const onConnected = (request: ConnectRequest, status: number): void => this.#connected(request, status)
    this.#binding = binding
    this.#slab = slab
    this.#ports = ports
    this.#onConnected = function oncomplete(this: ConnectRequest, status: number): void {
      onConnected(this, status)
    }
    this.#onread = function onread(this: RawHandle): void {
      const bytes = streamBaseState[kReadBytesOrError] as number
      const { sink } = this
      if (bytes > 0) sink?.onRead(bytes)
      else if (bytes < 0) sink?.onEnd(bytes === UV_EOF ? 0 : bytes)
    }
  }

  /** Begins to connect. @returns the handle, and libuv's error number of what failed at once, or 0 */
  connect(to: Endpoint, sink: HandleSink): { handle: RawHandle; status: number } {
    return this.#try({ to, sink, triesLeft: PORT_TRIES_MAX })
  }

  #try(attempt: Attempt): { handle: RawHandle; status: number } {
    const { to, sink } = attempt
    const { TCP, TCPConnectWrap, socketType } = this.#binding
    for (;;) {
      const handle = new TCP(socketType)
      handle.sink = sink
      const bound = this.#bind(handle, to.localAddress)
      if (bound !== 0) return { handle, status: bound }
      const request = new TCPConnectWrap()
      request.handle = handle
      request.attempt = attempt
      request.oncomplete = this.#onConnected
      const { host, port } = to
      const status = isIPv6(host) ? handle.connect6(request, host, port) : handle.connect(request, host, port)
      if (!mayTryAgain(attempt, status)) return { handle, status }
      drop(handle)
    }
  }

  /** @returns libuv's error number, or 0; a port that is taken shows when it connects */
  #bind(handle: RawHandle, address: string | null): number {
    if (address === null) return 0
    const port = this.#ports.next(address)
    return isIPv6(address) ? handle.bind6(address, port, 0) : handle.bind(address, port)
  }

  #connected({ handle, attempt }: ConnectRequest, status: number): void {
    const { sink } = handle
    // Closed meanwhile.
    if (sink === undefined) return
    if (!mayTryAgain(attempt, status)) return sink.onConnected(status)
    drop(handle)
    const next = this.#try(attempt)
    sink.onHandle(next.handle)
    if (next.status !== 0) sink.onConnected(next.status)
  }

  /** Lets reads land in the slab, from now on. @returns libuv's error number, or 0 */
  start(handle: RawHandle): number {
    handle.onread = this.#onread
    handle.useUserBuffer(this.#slab)
    handle.setNoDelay(true)
    return handle.readStart()
  }

  pause(handle: RawHandle): void {
    handle.readStop()
  }

  resume(handle: RawHandle): void {
    handle.readStart()
  }

  /** @returns 1 when it goes on in the background, 0 when the kernel took everything, or libuv's error number */
  write(handle: RawHandle, memory: Uint8Array): number {
    const request = handle.writeBuffer(null, memory)
    if (typeof request === 'number') return request
    const status = this.#binding.streamBaseState[this.#binding.kLastWriteErr] as number
    if (status !== 0) return status
    request.memory = memory
    request.handle = handle
    request.oncomplete = onWritten
    return 1
  }

  close(handle: RawHandle): void {
    handle.close(onClosed)
  }

  reset(handle: RawHandle): void {
    if (handle.reset(onClosed) !== 0) handle.close(onClosed)
  }
}

/** Whether the port was taken, and there is another one to try. */
function mayTryAgain(attempt: Attempt, status: number): boolean {
  if (status === 0 || attempt.to.localAddress === null || attempt.triesLeft-- <= 0) return false
  return PORT_TAKEN.has(errorNameOf(status))
}

/** Closes a handle that nobody is to hear of any more. */
function drop(handle: RawHandle): void {
  handle.sink = undefined
  handle.close(onClosed)
}

function onWritten(this: WriteRequest, status: number): void {
  this.handle.sink?.onWritten(status)
}

function onClosed(this: RawHandle): void {
  const { sink } = this
  this.sink = undefined
  sink?.onClosed()
}
