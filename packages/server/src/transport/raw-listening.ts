/**
 * Owns every use of what Node does not document of a server that listens: the handle below it.
 * Must not know: what becomes of the connections.
 * Invariant: no other file calls a method of a listening handle; making one that several processes share is for
 * `raw-listener.ts`.
 */
import type { Server } from 'node:net'
import { MS_PER_S, type RawHandle } from './raw-handle.ts'
import type { SocketSettings } from './transport.ts'

/**
 * Takes accepted connections of a listening server as raw handles; the server itself never sees them.
 * @param onFault called with libuv's negative error number when an accept failed
 */
export function takeRawConnections(
  server: Server,
  onAccepted: (handle: RawHandle) => void,
  onFault: (status: number) => void,
): void {
  const listening = listeningHandleOf(server)
  if (typeof listening !== 'object' || listening === null) throw new Error('the server does not listen')
  Reflect.set(listening, 'onconnection', (status: number, handle: RawHandle | undefined) => {
    if (status !== 0 || handle === undefined) onFault(status)
    else onAccepted(handle)
  })
}

/**
 * Gives a listening socket the options that connections shall have: on Linux each accepted one is born with them, which
 * saves five system calls a connection.
 * @returns whether it will be so; else each connection has to be given them
 */
export function configureListening(listening: unknown, settings: SocketSettings): boolean {
  if (process.platform !== 'linux' || !isConfigurable(listening)) return false
  const { nodelay, keepaliveMs, keepaliveIntervalMs, keepaliveProbes } = settings
  // It may have had others before.
  if (listening.setNoDelay(nodelay) !== 0) return false
  if (keepaliveMs === 0) return listening.setKeepAlive(false, 0, 0, 0) === 0
  const [delayS, intervalS] = [keepaliveMs, keepaliveIntervalMs].map((ms) => Math.floor(ms / MS_PER_S))
  return listening.setKeepAlive(true, delayS ?? 0, intervalS ?? 0, keepaliveProbes) === 0
}

/** Lets so many connections wait in the kernel's queue from now on. */
export function setBacklog(listening: unknown, backlog: number): void {
  if (typeof listening === 'object' && listening !== null && 'listen' in listening && isFunction(listening.listen)) {
    // listen() again, for which the system only changes the length of the queue.
    Reflect.apply(listening.listen, listening, [backlog])
  }
}

/** What `configureListening` is for, of a server that listens. */
export function listeningHandleOf(server: Server): unknown {
  return Reflect.get(server, '_handle')
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function'
}

function isConfigurable(value: unknown): value is Required<Pick<RawHandle, 'setNoDelay' | 'setKeepAlive'>> {
  return typeof value === 'object' && value !== null && 'setNoDelay' in value && 'setKeepAlive' in value
}
