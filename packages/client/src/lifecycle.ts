/**
 * Owns when a connection ends, in which order, and what becomes of all that is in flight then.
 * Must not know: what frames mean, what requests ask.
 * Invariant: the state only moves on: open, draining, closing, finishing, dead. From `dead` on nothing is pending.
 * `closed` settles once, when the socket is gone, and no timer is left by then.
 */
import type { CancelTimer, Goaway, ShardwireError } from '@shardwire/protocol'
import type { Socket } from 'node:net'
import { briefly, ClientError } from './client-error.ts'
import type { ClientErrorCode } from './client-error.ts'
import type { Wire } from './codec/wire.ts'
import type { CloseInfo, ConnectionEnd, ConnectionStatus } from './connection-api.ts'
import type { CompleteOptions } from './options.ts'
import type { Outbound } from './outbound.ts'

/** Takes everything. */
const OPEN = 0
/** GOAWAY came: no new requests, MESSAGEs still, until the last answer is here. */
const DRAINING = 1
/** close() was called: waits for the answers in flight. */
const CLOSING = 2
/** FIN is sent, or stands behind what waits to be sent. */
const FINISHING = 3
/** All that was pending has failed; the socket is gone, or about to be. */
const DEAD = 4

/** What ends with the connection. */
export interface LifecycleParts {
  readonly outbound: Outbound
  readonly wire: Wire
}

export class Lifecycle {
  readonly closed: Promise<CloseInfo>
  goaway: Goaway | undefined
  /** What the server said about the connection last: most likely why it then ends it. */
  serverError: ShardwireError | undefined
  readonly #socket: Socket
  readonly #options: CompleteOptions
  readonly #parts: LifecycleParts
  readonly #settleClosed: (info: CloseInfo) => void
  #state = OPEN
  /** How it ends if nothing goes wrong any more. */
  #end: ConnectionEnd = 'closed'
  /** Set once it is known that it does not end in good order. */
  #failure: CloseInfo | undefined
  #cancelTimer: CancelTimer | undefined

  constructor(socket: Socket, options: CompleteOptions, parts: LifecycleParts) {
    this.#socket = socket
    this.#options = options
    this.#parts = parts
    const { promise, resolve } = Promise.withResolvers<CloseInfo>()
    this.closed = promise
    this.#settleClosed = resolve
    socket.on('end', () => {
      this.#onEnd()
    })
    socket.on('error', (error) => {
      this.#lose(briefly(error), error)
    })
    socket.on('close', () => {
      this.#onClose()
    })
  }

  /** Whether new requests are taken. */
  get isOpen(): boolean {
    return this.#state === OPEN
  }

  get status(): Exclude<ConnectionStatus, 'suspect'> {
    if (this.#state === OPEN) return 'open'
    if (this.#state === DRAINING) return 'draining'
    return this.#state === DEAD ? 'closed' : 'closing'
  }

  /** Whether REQUESTs of the server are begun: not once close() was called, as it may wait for the last of them. */
  get takesServerRequests(): boolean {
    return this.#state === OPEN || this.#state === DRAINING
  }

  /** Throws CONNECTION_DRAINING or CONNECTION_CLOSED unless new requests are taken. */
  assertTakesRequests(): void {
    if (this.#state === OPEN) return
    const { goaway } = this
    if (goaway === undefined || this.#end !== 'goaway' || this.#state === DEAD) throw this.#closedError()
    const text = this.#say(`is draining (${goaway.reason}), retry ${goaway.retry}`)
    throw new ClientError('CONNECTION_DRAINING', text, { target: this.#options.target })
  }

  /** Throws CONNECTION_CLOSED unless MESSAGEs are taken; they are after a GOAWAY, as long as it takes to the FIN. */
  assertTakesMessages(): void {
    if (this.#state !== OPEN && this.#state !== DRAINING) throw this.#closedError()
  }

  /** Nothing new; FIN after the last answer. */
  close(): void {
    if (this.#state >= CLOSING) return
    this.#state = CLOSING
    this.#end = 'closed'
    this.finishIfIdle()
  }

  /** The server asked for no new requests. FIN is for `finishIfIdle`, now or after the last answer. */
  drain(goaway: Goaway): void {
    this.goaway = goaway
    if (this.#state !== OPEN) return
    this.#state = DRAINING
    this.#end = 'goaway'
  }

  /** Sends FIN if no request is in flight, theirs neither, and no new one is taken. */
  finishIfIdle(): void {
    if (this.#state !== DRAINING && this.#state !== CLOSING) return
    if (!this.#parts.wire.isIdle) return
    this.#state = FINISHING
    this.#endSocket()
  }

  /** Ends now and in no good order: all that is in flight fails. Only the first call counts. */
  fail(end: ConnectionEnd, code: ClientErrorCode, why: string, cause?: unknown): void {
    this.#die(end, code, why, cause)
    this.#socket.destroy()
  }

  /** The server is held dead: reset, so that the system keeps nothing for it. */
  failSilent(why: string): void {
    this.#die('lost', 'CONNECTION_LOST', why, undefined)
    // Of TCP alone; a Unix socket's end would answer with an error, and the TLS layer has none.
    if (this.#socket.remoteFamily !== undefined && !('encrypted' in this.#socket)) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  /** FIN behind what waits to be sent; a server that does not take it, or sends none back, has its time. */
  #endSocket(): void {
    const { clock, closeTimeoutMs } = this.#options
    this.#parts.outbound.end()
    this.#cancelTimer ??= clock.after(closeTimeoutMs, () => {
      if (this.#parts.outbound.bytesUnsent > 0) this.#lose(`not all was taken within ${closeTimeoutMs} ms of closing`)
      this.#socket.destroy()
    })
  }

  #lose(why: string, cause?: unknown): void {
    this.fail('lost', 'CONNECTION_LOST', why, cause ?? this.serverError)
  }

  /** FIN came: the server answers nothing any more, but may still read what waits to be sent. */
  #onEnd(): void {
    if (this.#state === FINISHING) return
    const { bytesCut } = this.#parts.wire
    const how = bytesCut > 0 ? `the server ended in the middle of a frame, after ${bytesCut} bytes of it` : undefined
    this.#die('ended', 'CONNECTION_LOST', how ?? this.#reasonOfEnd(), this.serverError)
    this.#endSocket()
  }

  #reasonOfEnd(): string {
    const { serverError } = this
    return serverError === undefined ? 'the server ended it' : `the server ended it (${serverError.name})`
  }

  #onClose(): void {
    if (this.#state < FINISHING) this.#lose('the socket was closed')
    this.#state = DEAD
    this.#cancelTimer?.()
    const info = this.#failure ?? { end: this.#end, error: undefined, requestsInFlight: 0, bytesUnsent: 0 }
    this.#settleClosed(info)
    // Also after an end in good order: answers still owed, the timer, and who waits for `drained`.
    const { wire, outbound } = this.#parts
    const error = info.error ?? this.#closedError()
    wire.stop(error)
    outbound.fail(error)
    outbound.release()
  }

  #die(end: ConnectionEnd, code: ClientErrorCode, why: string, cause: unknown): void {
    if (this.#state === DEAD) return
    this.#state = DEAD
    const { wire, outbound } = this.#parts
    const { target } = this.#options
    const [requestsInFlight, bytesUnsent] = [wire.stats.requestsInFlight, outbound.bytesUnsent]
    const text = this.#say(`${why}; ${requestsInFlight} requests in flight, ${bytesUnsent} bytes unsent`)
    const error = new ClientError(code, text, { cause, target, requestsInFlight, bytesUnsent })
    this.#failure = { end, error, requestsInFlight, bytesUnsent }
    wire.stop(error)
    if (end !== 'ended') outbound.fail(error)
  }

  #closedError(): ClientError {
    const { target } = this.#options
    return new ClientError('CONNECTION_CLOSED', this.#say('is closed'), { target, cause: this.#failure?.error })
  }

  #say(text: string): string {
    return `connection to ${this.#options.target}: ${text}`
  }
}
