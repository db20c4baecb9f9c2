/**
 * Owns the way to a connected socket: resolve, connect, TLS, one after the other, under a limit that goes on to hold
 * for HELLO.
 * Must not know: frames, what the socket is used for.
 * Invariant: whatever the end, no timer, listener or socket of a failed attempt is left behind.
 */
import net from 'node:net'
import type { NetConnectOpts, Socket, TcpNetConnectOpts } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CompleteOptions } from '../options.ts'
import { HostAddresses } from '../resolve/host-addresses.ts'
import type { AddressFamily } from '../resolve/resolver.ts'
import { isRefusal, refusalText, type TlsReport } from '../tls/handshake.ts'
import { ConnectAttempt } from './connect-attempt.ts'
import { Race } from './race.ts'
import { Reads } from './reads.ts'

/** A socket that is connected, from which nothing has been read yet. */
export interface DialedSocket {
  readonly socket: Socket
  readonly reads: Reads
  /** `address:port` of the other end, or the path. */
  readonly address: string
  readonly tls: TlsReport | undefined
}

/** The first phase of an attempt with these options. */
export function beginAttempt(options: CompleteOptions): ConnectAttempt {
  const { host } = options
  return new ConnectAttempt(options, host === undefined || net.isIP(host) !== 0 ? 'connect' : 'resolve')
}

/**
 * Connects and gives the socket to `take` in the very turn in which it is ready, so that no event of it is missed, and
 * the attempt can pass from one phase to the next without a moment in which nobody would hear of its end.
 * Rejects with a ClientError: CONNECT_FAILED, CONNECT_TIMEOUT, TLS_FAILED, INVALID_OPTION or ABORTED.
 */
export async function dial<T>(
  options: CompleteOptions,
  attempt: ConnectAttempt,
  take: (dialed: DialedSocket) => Promise<T>,
): Promise<T> {
  return await new Dial(options, attempt, take).promise
}

class Dial<T> {
  readonly promise: Promise<T>
  readonly #options: CompleteOptions
  readonly #attempt: ConnectAttempt
  readonly #take: (dialed: DialedSocket) => Promise<T>
  readonly #resolve: (taken: Promise<T>) => void
  readonly #reject: (error: Error) => void
  /** Where there is a name. */
  #addresses: HostAddresses | undefined

  constructor(options: CompleteOptions, attempt: ConnectAttempt, take: (dialed: DialedSocket) => Promise<T>) {
    this.#options = options
    this.#attempt = attempt
    this.#take = take
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    if (options.host === undefined) this.#connectPath(options.path)
    else this.#connectHost(options.host, options.port)
  }

  #connectPath(path: string): void {
    const reads = new Reads()
    const socket = net.connect(this.#socketOptions({ path }, reads))
    const onError = (error: Error): void => {
      this.#fail(error, socket)
    }
    this.#attempt.onFailure = onError
    socket.once('error', onError).once('connect', () => {
      socket.off('error', onError)
      this.#connected({ socket, reads, address: path, tls: undefined })
    })
  }

  #connectHost(host: string, port: number): void {
    const { clock, resolver, attemptDelayMs, localAddress } = this.#options
    const attempt = this.#attempt
    const readsOf = new Map<Socket, Reads>()
    const open = (address: string, family: AddressFamily): Socket => {
      attempt.enter('connect')
      const reads = new Reads()
      const socket = net.connect(this.#socketOptions({ host: address, family, port }, reads))
      readsOf.set(socket, reads)
      return socket
    }
    const literal = net.isIP(host)
    const race = new Race(
      { open, clock, attemptDelayMs },
      {
        onWon: (socket, address) => {
          this.#addresses?.[Symbol.dispose]()
          const reads = readsOf.get(socket) ?? new Reads()
          this.#connected({ socket, reads, address: hostPort(address, port), tls: undefined })
        },
        onTryFailed: (tried) => {
          attempt.tries.push(tried)
        },
        onLost: (error) => {
          if (literal === 0) resolver.forget?.(host)
          this.#fail(error, undefined)
        },
      },
    )
    attempt.onFailure = (error) => {
      this.#addresses?.[Symbol.dispose]()
      race.stop()
      // Connecting had begun and led nowhere: next time the addresses may be others.
      if (attempt.phase === 'connect' && literal === 0) resolver.forget?.(host)
      this.#reject(error)
    }
    if (literal !== 0) {
      race.add(literal === 6 ? 6 : 4, [host])
      race.complete()
      return
    }
    this.#addresses = new HostAddresses(
      { resolver, host, clock, families: familiesOf(localAddress) },
      {
        onAddresses: (family, found) => race.add(family, found),
        onComplete: () => race.complete(),
        onFailed: (error) => this.#fail(error, undefined),
      },
    )
    this.#addresses.start()
  }

  #socketOptions(where: Partial<TcpNetConnectOpts> & { path?: string }, reads: Reads): NetConnectOpts {
    const { keepAliveMs, noDelay, localAddress, localPort, tls } = this.#options
    const isTcp = where.path === undefined
    return {
      ...where,
      // A FIN of the server ends its direction only; what ends ours is the connection's business.
      allowHalfOpen: true,
      ...(isTcp ? { noDelay, keepAlive: keepAliveMs > 0, keepAliveInitialDelay: keepAliveMs } : {}),
      ...(isTcp ? { autoSelectFamily: false } : {}),
      ...(isTcp && localAddress !== undefined ? { localAddress } : {}),
      ...(isTcp && localPort !== undefined ? { localPort } : {}),
      // With TLS the bytes of the socket are read below JavaScript.
      ...(tls === undefined ? { onread: reads.onread } : {}),
    } as NetConnectOpts
  }

  #connected(dialed: DialedSocket): void {
    const { onSocket, tls } = this.#options
    try {
      onSocket?.(dialed.socket)
      // The hook may have ended the attempt.
      if (this.#attempt.failure !== undefined) throw this.#attempt.failure
      if (tls === undefined) this.#resolve(this.#take(dialed))
      else this.#handshake(dialed)
    } catch (error) {
      this.#fail(error, dialed.socket)
    }
  }

  #handshake(dialed: DialedSocket): void {
    const { host, tls } = this.#options
    if (tls === undefined) return
    const attempt = this.#attempt
    attempt.enter('tls')
    dialed.socket.on('error', ignore)
    const begun = tls.begin(dialed.socket, host)
    const socket: TLSSocket = begun.socket
    const onError = (error: Error): void => {
      // Nobody takes the blame for what a socket says that is being destroyed.
      socket.on('error', ignore)
      if (isRefusal(error)) this.#fail(attempt.failedBy(error, 'TLS_FAILED', refusalText(error)), socket)
      else this.#fail(error, socket)
    }
    attempt.onFailure = (error) => {
      socket.off('error', onError).on('error', ignore)
      this.#fail(error, socket)
    }
    socket.once('error', onError).once('secureConnect', () => {
      socket.off('error', onError)
      const { reads, address } = dialed
      socket.on('data', (chunk: Uint8Array) => reads.sink?.(chunk, chunk.length))
      this.#resolve(this.#take({ socket, reads, address, tls: begun.report() }))
    })
  }

  #fail(cause: unknown, socket: Socket | undefined): void {
    socket?.destroy()
    this.#reject(this.#attempt.failedBy(cause))
  }
}

/** Which families are worth looking for: those that the local address can reach. */
function familiesOf(localAddress: string | undefined): readonly AddressFamily[] {
  const family = net.isIP(localAddress ?? '')
  if (family === 0) return [6, 4]
  return [family === 6 ? 6 : 4]
}

function hostPort(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

function ignore(): void {
  // It is being destroyed, and the attempt has its error.
}
