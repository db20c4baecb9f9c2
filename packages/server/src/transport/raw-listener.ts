/**
 * Owns making a listening socket that several processes share: bound with SO_REUSEPORT, below `net.Server`.
 * Must not know: who accepts from it.
 * Invariant: what is used here Node does not document (a `net.BoundSocket` can be sent to another process once, and
 * then is not ours any more); where it is not there, `canReusePorts` says so. A socket that was bound here accepts
 * nothing until somebody listens on a copy of it.
 */
import type { AddressInfo } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { loadBinding } from './raw-handle.ts'

declare const listeningBrand: unique symbol

/** A bound TCP socket that can be sent to a process, and listened on with `net.Server.listen(handle)`. */
export interface ListeningHandle {
  readonly [listeningBrand]: true
  close(): void
}

interface TcpHandle extends ListeningHandle {
  bind(host: string, port: number, flags: number): number
  bind6(host: string, port: number, flags: number): number
  getsockname(out: Partial<AddressInfo>): number
}

interface TcpBinding {
  readonly TCP: new (type: number) => TcpHandle
  readonly constants: { readonly SERVER: number; readonly UV_TCP_REUSEPORT: number }
}

const MEMBERS = ['bind', 'bind6', 'getsockname', 'listen', 'close']

/** A bound socket that came over IPC: there a handle shows only that it is one of TCP. */
export function asListening(handle: { close(): void }): ListeningHandle {
  return handle as ListeningHandle
}

/** Whether this Node and this system can bind several sockets to one port. */
export function canReusePorts(): boolean {
  if (loadTcpBinding() === undefined) return false
  try {
    bindShared('127.0.0.1', 0).handle.close()
    return true
  } catch (error) {
    // ENOTSUP outside Linux and some BSDs.
    if (error instanceof Error) return false
    throw error
  }
}

/** @param host an IP address @throws the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL ...) */
export function bindShared(host: string, port: number): { handle: ListeningHandle; address: AddressInfo } {
  return bind(host, port, true)
}

/** Whether nobody else listens there: sockets that share a port would not notice. @throws as `bindShared` */
export function assertFree(host: string, port: number): void {
  if (port !== 0) bind(host, port, false).handle.close()
}

function bind(host: string, port: number, shared: boolean): { handle: ListeningHandle; address: AddressInfo } {
  const binding = loadTcpBinding()
  if (binding === undefined) throw new Error('this Node gives out no TCP handles')
  const { TCP, constants } = binding
  const handle = new TCP(constants.SERVER)
  const flags = shared ? constants.UV_TCP_REUSEPORT : 0
  const out: Partial<AddressInfo> = {}
  // An address that is taken shows at `getsockname` only.
  const status =
    (host.includes(':') ? handle.bind6(host, port, flags) : handle.bind(host, port, flags)) || handle.getsockname(out)
  if (status === 0) return { handle, address: out as AddressInfo }
  handle.close()
  const code = getSystemErrorName(status)
  throw Object.assign(new Error(`bind ${code} ${host}:${port}`), { code })
}

function loadTcpBinding(): TcpBinding | undefined {
  const binding = loadBinding('tcp_wrap')
  const constants: unknown = Reflect.get(binding, 'constants')
  const handles: unknown = Reflect.get(binding, 'TCP')
  if (typeof handles !== 'function' || typeof constants !== 'object' || constants === null) return undefined
  if (typeof Reflect.get(constants, 'UV_TCP_REUSEPORT') !== 'number') return undefined
  const prototype: unknown = handles.prototype
  if (typeof prototype !== 'object' || prototype === null) return undefined
  return MEMBERS.every((member) => member in prototype) ? (binding as TcpBinding) : undefined
}
