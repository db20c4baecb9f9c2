/**
 * Owns how a connection ends: who decides the reason, what is still sent, when the socket goes.
 * Must not know: frames beyond the ERROR that says goodbye.
 * Invariant: the first reason decided is the one counted, and it is counted once, when the socket is closed; by then
 * the connection holds no ring, no block, no call and no place on the wheel.
 */
import { encodeErrorBody, ERROR_BODY_BYTES_MAX, ID_BYTES, KIND_ERROR, ShardwireError } from '@shardwire/protocol'
import type { ClosedHistory } from '../admin/inspect/closed-history.ts'
import { CloseReason, closeReasonName, reasonNamed } from '../close-reason.ts'
import type { SpokenCodec } from '../codec/spoken-codec.ts'
import type { Budget } from './budget.ts'
import type { CloseLog } from './close-log.ts'
import type { CodecAnswers } from './codecs/codec-answers.ts'
import { type Connection, HOLD_ANSWER, STATE_CLOSED, STATE_ENDING, STATE_FINISHED } from './connection.ts'
import { type Counters, countAt } from './counters.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { Outbound } from './outbound.ts'
import type { Rings } from './rings.ts'

/** How long a connection that sent its FIN waits for the peer's before the socket is destroyed. */
export const LINGER_MS = 1000

export interface ClosingParts {
  readonly outbound: Outbound
  readonly rings: Rings
  readonly budget: Budget
  readonly wheel: DeadlineWheel
  readonly counters: Counters
  readonly nowMs: () => number
  readonly codecs: CodecAnswers
  /** Of an ordered codec: what came behind a message may be served, which has been answered. */
  readonly onAnswered: (connection: Connection) => void
  /** Told why connections end; undefined where nobody wants to know. */
  readonly closeLog: CloseLog | undefined
  /** Remembers them. */
  readonly history: ClosedHistory
  /** Called once per connection, after everything is given back. */
  readonly onClosed: (connection: Connection) => void
}

export class Closing {
  readonly #parts: ClosingParts

  constructor(parts: ClosingParts) {
    this.#parts = parts
  }

  /** Sends an ERROR that concerns a frame or, with id 0 and route 0, the connection. */
  sendError(connection: Connection, route: number, id: number, error: ShardwireError): void {
    const { codec } = connection.listener
    if (codec !== null) return this.#sayError(connection, codec, id, error)
    const bytesMax = Math.min(ERROR_BODY_BYTES_MAX, connection.listener.decoder.frameBytesMax - ID_BYTES)
    this.sendErrorBody(connection, route, id, error.code, encodeErrorBody(error, bytesMax))
  }

  /** The same, its body encoded before. */
  sendErrorBody(connection: Connection, route: number, id: number, code: number, body: Uint8Array): void {
    const { codec } = connection.listener
    if (codec !== null) return this.#sayError(connection, codec, id, this.#parts.codecs.errorOf(body))
    countAt(this.#parts.counters.errors, code)
    this.#parts.outbound.send(connection, KIND_ERROR, route, id, body)
  }

  /** Ends a connection that cannot go on: calls are aborted, the ERROR goes out behind what was answered, then FIN. */
  failWith(connection: Connection, reason: number, error: ShardwireError, route = 0, id = 0): void {
    if (connection.state >= STATE_FINISHED) return
    this.#decide(connection, reason, error.message)
    this.#abandonCalls(connection, error)
    this.sendError(connection, route, id, error)
    // Where no error can be said it has been told by the end already.
    if (connection.state < STATE_FINISHED) this.#finish(connection)
  }

  /** No new work is taken: what is in flight is answered, then our FIN follows. @param detail for the log */
  endAfterAnswers(connection: Connection, reason: number, detail?: string): void {
    if (connection.state >= STATE_FINISHED) return
    this.#decide(connection, reason, detail)
    connection.state = STATE_ENDING
    this.settle(connection)
  }

  /** To be called when a call has been answered or a hold is over: an ending connection may be done. */
  settle(connection: Connection): void {
    if ((connection.hold & HOLD_ANSWER) !== 0 && connection.callsInFlight === 0) {
      // Whoever lets it go settles again.
      return this.#parts.onAnswered(connection)
    }
    if (connection.state !== STATE_ENDING || connection.callsInFlight > 0) return
    // What came and waits is answered too; whoever lets it go settles again.
    if (connection.hold === 0) this.#finish(connection)
  }

  /** Ends a connection at once, and so that the kernel keeps nothing of it. @param detail for the log */
  reset(connection: Connection, reason: number, detail?: string): void {
    if (connection.state === STATE_CLOSED) return
    // A drain that had to be cut off did not end well.
    if (connection.closeReason === CloseReason.DRAINED && !connection.finLeft) connection.closeReason = reason
    this.#decide(connection, reason, detail)
    this.#abandonCalls(connection, new Error(`the connection was cut off: ${closeReasonName(reason)}`))
    connection.state = STATE_FINISHED
    over(connection)
    connection.transport.reset()
  }

  /** The peer had its time to send its FIN: our copy is closed, what the kernel still has to send it may. */
  lingered(connection: Connection): void {
    connection.transport.close()
  }

  /** Our FIN has left. */
  finished(connection: Connection): void {
    connection.finLeft = true
    if (connection.peerEnded) connection.transport.close()
  }

  /** The peer's FIN came. @param reason in case that this ends the connection */
  peerEnded(connection: Connection, reason: number): void {
    connection.peerEnded = true
    connection.served?.unheard()
    if (connection.finLeft) connection.transport.close()
    else this.endAfterAnswers(connection, reason)
  }

  /**
   * Closes our copy of a socket without more words: of one that another worker has too, where a FIN or a reset of ours
   * would be felt, or of one on which TLS was not agreed on.
   */
  letGo(connection: Connection, reason: number, detail?: string): void {
    if (connection.state === STATE_CLOSED) return
    this.#decide(connection, reason, detail)
    this.#abandonCalls(connection, new Error(`the socket was let go: ${closeReasonName(reason)}`))
    connection.state = STATE_FINISHED
    over(connection)
    connection.transport.close()
  }

  /** To be called when everything unsent has left: a connection that only waited for that sends its FIN. */
  sent(connection: Connection): void {
    if (connection.state === STATE_FINISHED && !connection.transport.isEnding) this.#sendFin(connection)
  }

  /** The socket is gone: gives everything back and counts the reason. */
  closed(connection: Connection, fallbackReason: number): void {
    if (connection.state === STATE_CLOSED) return
    const { outbound, rings, budget, wheel, counters, onClosed } = this.#parts
    this.#decide(connection, fallbackReason)
    connection.state = STATE_CLOSED
    over(connection)
    connection.codecState = undefined
    connection.tags = null
    this.#abandonCalls(connection, new Error('the connection closed'))
    rings.release(connection)
    outbound.reclaim(connection)
    budget.closed()
    wheel.cancel(connection)
    counters.connectionsOpen--
    countAt(counters.openByListener, connection.listener.index, -1)
    countAt(counters.closes, connection.closeReason)
    this.#parts.closeLog?.closed(connection)
    onClosed(connection)
  }

  /** By the codec of the listener; one that has no form for errors says them by a close. */
  #sayError(connection: Connection, codec: SpokenCodec, id: number, error: ShardwireError): void {
    countAt(this.#parts.counters.errors, error.code)
    if (!codec.speaksErrors) this.#endForError(connection, error)
    else if (!this.#parts.codecs.error(connection, codec, id, error)) this.reset(connection, CloseReason.INTERNAL)
  }

  #endForError(connection: Connection, error: ShardwireError): void {
    if (connection.state >= STATE_FINISHED) return
    this.#decide(connection, reasonNamed(error.name, CloseReason.ERROR_UNSPOKEN), `${error.name}: ${error.message}`)
    this.#abandonCalls(connection, error)
    this.#finish(connection)
  }

  #decide(connection: Connection, reason: number, detail?: string): void {
    if (connection.closeReason !== CloseReason.OPEN) return
    connection.closeReason = reason
    this.#parts.closeLog?.decided(connection, detail)
    this.#parts.history.decided(connection, detail)
  }

  /** Nothing more will be sent: FIN follows what is still unsent. */
  #finish(connection: Connection): void {
    this.#parts.outbound.flush()
    connection.state = STATE_FINISHED
    over(connection)
    // What still comes must be read, or closing would turn it into a reset that overtakes our last answer. A ring stays
    // until the next read or the end: libuv may already point at it.
    connection.hold = 0
    if (!connection.peerEnded) connection.transport.resume()
    if (connection.transport.unsentBytes === 0) this.#sendFin(connection)
  }

  /** FIN, and a moment for the peer to send its own. Only when nothing is unsent: the moment begins with it. */
  #sendFin(connection: Connection): void {
    const { wheel, nowMs } = this.#parts
    connection.transport.end()
    connection.endByMs = nowMs() + LINGER_MS
    wheel.schedule(connection, connection.endByMs)
  }

  #abandonCalls(connection: Connection, reason: Error): void {
    const { calls } = connection
    if (calls === null) return
    connection.calls = null
    for (const call of calls.values()) call.abandon(reason)
  }
}

/** Those who know the connection on the service's side are told that nothing can be sent any more. */
function over({ greeting, served }: Connection): void {
  greeting?.ended()
  served?.ended()
}
