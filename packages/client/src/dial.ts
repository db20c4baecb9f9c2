/**
 * Owns the way to a connected socket: resolve and connect, under a limit that goes on to hold for HELLO.
 * Must not know: frames, what the socket is used for.
 * Invariant: whatever the end, no timer, listener or socket of a failed attempt is left behind.
 */
import net from 'node:net'
import type { Socket } from 'node:net'
import type { CancelTimer } from '@shardwire/protocol'
import { briefly, ClientError } from './client-error.ts'
import type { ClientErrorCode, ConnectPhase } from './client-error.ts'
import type { CompleteOptions } from './options.ts'

/** One attempt to connect, with the one deadline and the one signal that end all its phases. */
export class ConnectAttempt {
  phase: ConnectPhase = 'resolve'
  /** Ends the phase under way; changes hands with the socket. */
  onFailure: ((error: ClientError) => void) | undefined
  /** Set when deadline or signal ended it. */
  failure: ClientError | undefined
  readonly #options: CompleteOptions
  readonly #cancelTimer: CancelTimer

  /** Throws a ClientError ABORTED when the signal has already fired. */
  constructor(options: CompleteOptions) {
    const { clock, signal, timeoutMs } = options
    this.#options = options
    if (signal?.aborted === true) throw this.#error('ABORTED', 'aborted', signal.reason)
    this.#cancelTimer = clock.after(timeoutMs, () => {
      this.#fail(this.#error('CONNECT_TIMEOUT', `not done within ${timeoutMs} ms`))
    })
    signal?.addEventListener('abort', this)
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#fail(this.#error('ABORTED', 'aborted', this.#options.signal?.reason))
  }

  /** What the system said, as an error of this attempt's; one of ours stays itself. */
  failedBy(cause: Error): ClientError {
    return cause instanceof ClientError ? cause : this.#error('CONNECT_FAILED', `failed (${briefly(cause)})`, cause)
  }

  [Symbol.dispose](): void {
    this.onFailure = undefined
    this.#cancelTimer()
    this.#options.signal?.removeEventListener('abort', this)
  }

  #fail(error: ClientError): void {
    this.failure ??= error
    this.onFailure?.(this.failure)
  }

  #error(code: ClientErrorCode, what: string, cause?: unknown): ClientError {
    const { phase } = this
    const { target } = this.#options
    return new ClientError(code, `connection to ${target}: ${phase} ${what}`, { target, phase, cause })
  }
}

/**
 * Connects and gives the socket to `take` in the very turn in which it is connected, so that no event of it is missed.
 * Rejects with a ClientError: CONNECT_FAILED, CONNECT_TIMEOUT or ABORTED.
 */
export async function dial<T>(
  options: CompleteOptions,
  attempt: ConnectAttempt,
  take: (socket: Socket) => T,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const socket = open(options)
  if (net.isIP(options.host) !== 0) attempt.phase = 'connect'
  attempt.onFailure = (error) => {
    socket.destroy(error)
  }
  const onLookup = (error: Error | null): void => {
    if (error === null) attempt.phase = 'connect'
  }
  const onError = (error: Error): void => {
    reject(attempt.failedBy(error))
  }
  socket.on('lookup', onLookup).on('error', onError)
  socket.once('connect', () => {
    socket.off('lookup', onLookup).off('error', onError)
    resolve(take(socket))
  })
  return await promise
}

function open(options: CompleteOptions): Socket {
  const { host, port, keepAliveMs, lookup } = options
  return net.connect({
    host,
    port,
    noDelay: true,
    keepAlive: keepAliveMs > 0,
    keepAliveInitialDelay: keepAliveMs,
    // A FIN of the server ends its direction only; what ends ours is the connection's business.
    allowHalfOpen: true,
    ...(lookup === undefined ? {} : { lookup }),
  })
}
