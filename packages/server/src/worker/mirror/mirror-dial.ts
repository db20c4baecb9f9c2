/**
 * Owns connecting to the target of a mirror: by TCP, TLS or a Unix socket.
 * Must not know: frames, what becomes of the connection.
 * Invariant: it never throws: what cannot be begun, since a file cannot be read, say, is an 'error' of the socket.
 * Files are read at each dial, so that a certificate that was renewed serves.
 */
import { readFileSync } from 'node:fs'
import { connect, type OnReadOpts, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { MirrorTarget } from '../../config/mirror-address.ts'

type TlsTarget = Extract<MirrorTarget, { readonly scheme: 'tls' }>

export interface Dialled {
  readonly socket: Socket
  /** The event after which bytes may be sent. */
  readonly connected: 'connect' | 'secureConnect'
}

export function dialTarget(target: MirrorTarget, onread: OnReadOpts): Dialled {
  // allowHalfOpen: a FIN of the target is seen before anything is closed for it.
  const common = { allowHalfOpen: true, onread }
  if (target.scheme === 'tls') return { socket: dialTls(target, common), connected: 'secureConnect' }
  const socket =
    target.scheme === 'unix'
      ? connect({ ...common, path: target.path })
      : connect({ ...common, host: target.host, port: target.port, noDelay: true, keepAlive: true })
  return { socket, connected: 'connect' }
}

function dialTls(target: TlsTarget, common: { readonly allowHalfOpen: boolean; readonly onread: OnReadOpts }): Socket {
  const { host, port, servername } = target
  try {
    const files = { ca: read(target.ca), cert: read(target.cert), key: read(target.key) }
    const given = Object.fromEntries(
      Object.entries({ ...files, servername }).filter(([, value]) => value !== undefined),
    )
    const socket = connectTls({ ...common, host, port, ...given })
    socket.setNoDelay(true)
    socket.setKeepAlive(true)
    return socket
  } catch (error) {
    return new Socket().destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

function read(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8')
}
