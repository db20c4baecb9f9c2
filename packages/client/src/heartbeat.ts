/**
 * Owns what silence of the server means: when to PING, when the connection is suspect, when it is dead; and how long a
 * PING takes to its PONG.
 * Must not know: sockets, frames, what becomes of a suspect or dead connection.
 * Invariant: any byte received is life. Only silence after a PING that was really sent counts, so a process that was
 * stopped itself suspects nobody; and before a verdict the loop has read what was there to be read. While the system
 * takes bytes that were waiting to be sent, the way is alive and the PING behind them has not been asked yet.
 *
 *     silence:   heartbeatMs ──► PING ── suspectMs ──► suspect ──► PING, every heartbeatMs, `heartbeatMisses` in all
 *                                                                   └─ the last unanswered for heartbeatMs ──► dead
 */
import { readU32, writeU32 } from '@shardwire/protocol'
import { ClientError } from './client-error.ts'
import { Deadline, type SharedWheel } from './shared-wheel.ts'

export interface HeartbeatOptions {
  /** Silence after which the server is asked, and time between one PING and the next; 0 is never. */
  readonly heartbeatMs: number
  /** How long a PING goes unanswered until the connection is suspect. */
  readonly suspectMs: number
  /** Unanswered PINGs until it is dead. */
  readonly heartbeatMisses: number
}

export interface HeartbeatListener {
  sendPing(payload: Uint8Array): void
  /** While bytes wait to be sent: a number that changes as the system takes them. Undefined while none wait. */
  progress(): number | undefined
  onSuspect(isSuspect: boolean): void
  /** The last of the PINGs has gone unanswered for as long as it may. */
  onDead(silenceMs: number): void
}

export interface PingRequest {
  readonly resolve: (roundTripMs: number) => void
  readonly reject: (error: Error) => void
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** `shwp` and a number: a PONG with anything else is none of ours. */
const PAYLOAD_MAGIC = 0x7368_7770
const PAYLOAD_BYTES = 8
/** The loop reads once more before a verdict. */
const GRACE_MS = 1
/** PINGs that were asked for by `ping()` and wait for their PONG. */
const PINGS_MAX = 64

/** One PING on its way that somebody waits for. */
class AwaitedPing extends Deadline {
  readonly number: number
  readonly sentAtMs: number
  readonly request: PingRequest
  readonly #owner: Heartbeat

  constructor(owner: Heartbeat, number: number, sentAtMs: number, request: PingRequest) {
    super()
    this.#owner = owner
    this.number = number
    this.sentAtMs = sentAtMs
    this.request = request
  }

  override expire(): void {
    const { timeoutMs } = this.request
    this.#owner.settlePing(this, new ClientError('REQUEST_TIMEOUT', `no answer to a PING within ${timeoutMs} ms`))
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#owner.settlePing(this, new ClientError('ABORTED', 'ping aborted', { cause: this.request.signal?.reason }))
  }
}

export class Heartbeat extends Deadline {
  /** How long the last PING took to its PONG; undefined before the first. */
  roundTripMs: number | undefined
  readonly #options: HeartbeatOptions
  readonly #listener: HeartbeatListener
  readonly #wheels: { readonly fine: SharedWheel; readonly coarse: SharedWheel; readonly nowMs: () => number }
  readonly #awaited = new Map<number, AwaitedPing>()
  #isRunning = false
  #isSuspect = false
  /** Set when the time for a verdict came, until the loop has read once more. */
  #isVerdictDue = false
  #heardAtMs = 0
  /** What `progress` said last. */
  #progress: number | undefined
  /** Unanswered PINGs of the present silence. */
  #misses = 0
  /** When the first and the last of them were sent. */
  #firstPingAtMs = 0
  #lastPingAtMs = 0
  #nextNumber = 1
  /** The PING of the heartbeat that was sent last, while its PONG may come. */
  #ownNumber = 0

  constructor(
    options: HeartbeatOptions,
    wheels: { readonly fine: SharedWheel; readonly coarse: SharedWheel; readonly nowMs: () => number },
    listener: HeartbeatListener,
  ) {
    super()
    this.#options = options
    this.#wheels = wheels
    this.#listener = listener
  }

  get isSuspect(): boolean {
    return this.#isSuspect
  }

  /** From now on silence counts. */
  start(): void {
    if (this.#options.heartbeatMs === 0) return
    this.#isRunning = true
    this.#heardAtMs = this.#wheels.nowMs()
    this.#wheels.coarse.schedule(this, this.#options.heartbeatMs)
  }

  /** The connection takes its leave: nothing is asked any more, whoever waits for a PONG gets `error`. */
  stop(error: Error): void {
    this.#isRunning = false
    this.#wheels.coarse.cancel(this)
    for (const ping of this.#awaited.values()) this.settlePing(ping, error)
  }

  /** Bytes came. On the path of every read. */
  heard(): void {
    const { nowMs } = this.#wheels.coarse
    if (this.#misses > 0) this.#revive(nowMs)
    else this.#heardAtMs = nowMs
  }

  /** A PONG came, whoever asked for it. */
  onPong(memory: Uint8Array, start: number, end: number): void {
    if (end - start !== PAYLOAD_BYTES || readU32(memory, start) !== PAYLOAD_MAGIC) return
    const number = readU32(memory, start + 4)
    if (number === this.#ownNumber) {
      this.#ownNumber = 0
      this.roundTripMs = this.#wheels.nowMs() - this.#lastPingAtMs
    }
    const awaited = this.#awaited.get(number)
    if (awaited !== undefined) this.settlePing(awaited, undefined)
  }

  /** Sends a PING that somebody waits for. Throws a ClientError ABORTED or TOO_MANY_IN_FLIGHT. */
  ping(request: PingRequest): void {
    const { signal, timeoutMs } = request
    if (signal?.aborted === true) throw new ClientError('ABORTED', 'ping aborted', { cause: signal.reason })
    if (this.#awaited.size >= PINGS_MAX) {
      throw new ClientError('TOO_MANY_IN_FLIGHT', `${PINGS_MAX} PINGs are on their way already`)
    }
    const ping = new AwaitedPing(this, this.#takeNumber(), this.#wheels.nowMs(), request)
    this.#awaited.set(ping.number, ping)
    signal?.addEventListener('abort', ping)
    this.#wheels.fine.schedule(ping, timeoutMs)
    this.#listener.sendPing(payloadOf(ping.number))
  }

  /** For pings alone. @param error undefined when its PONG came */
  settlePing(ping: AwaitedPing, error: Error | undefined): void {
    const { resolve, reject, signal } = ping.request
    this.#awaited.delete(ping.number)
    this.#wheels.fine.cancel(ping)
    signal?.removeEventListener('abort', ping)
    if (error !== undefined) {
      reject(error)
      return
    }
    this.roundTripMs = this.#wheels.nowMs() - ping.sentAtMs
    resolve(this.roundTripMs)
  }

  /** The wheel's word that something may be due. */
  override expire(): void {
    if (!this.#isRunning) return
    const nowMs = this.#wheels.nowMs()
    const dueInMs = this.#dueAtMs() - nowMs
    if (dueInMs > 0) this.#wheels.coarse.schedule(this, dueInMs)
    else this.#onDue(nowMs)
  }

  /** When the next thing of the present silence is due. */
  #dueAtMs(): number {
    const { heartbeatMs, suspectMs } = this.#options
    if (this.#misses === 0) return this.#heardAtMs + heartbeatMs
    const nextPingAtMs = this.#lastPingAtMs + heartbeatMs
    return this.#isSuspect ? nextPingAtMs : Math.min(nextPingAtMs, this.#firstPingAtMs + suspectMs)
  }

  #onDue(nowMs: number): void {
    const { heartbeatMs, suspectMs, heartbeatMisses } = this.#options
    if (this.#misses > 0) {
      if (this.#isMoving()) this.#revive(nowMs)
      else if (!this.#isVerdictDue) {
        this.#isVerdictDue = true
        this.#wheels.coarse.schedule(this, GRACE_MS)
        return
      }
    }
    this.#isVerdictDue = false
    if (this.#misses === 0) {
      if (nowMs >= this.#heardAtMs + heartbeatMs) this.#sendPing(nowMs)
    } else {
      if (nowMs >= this.#firstPingAtMs + suspectMs) this.#suspect()
      if (nowMs >= this.#lastPingAtMs + heartbeatMs) {
        if (this.#misses >= heartbeatMisses) {
          this.#die(nowMs)
          return
        }
        this.#sendPing(nowMs)
      }
    }
    // A listener may have ended the connection.
    if (this.#isRunning) this.#wheels.coarse.schedule(this, Math.max(GRACE_MS, this.#dueAtMs() - nowMs))
  }

  /** Whether bytes wait, and the system took some since the last look. */
  #isMoving(): boolean {
    const before = this.#progress
    this.#progress = this.#listener.progress()
    return this.#progress !== undefined && before !== undefined && this.#progress !== before
  }

  #sendPing(nowMs: number): void {
    if (this.#misses === 0) {
      this.#firstPingAtMs = nowMs
      this.#progress = this.#listener.progress()
    }
    this.#misses++
    this.#lastPingAtMs = nowMs
    this.#ownNumber = this.#takeNumber()
    this.#listener.sendPing(payloadOf(this.#ownNumber))
  }

  #die(nowMs: number): void {
    this.#isRunning = false
    this.#listener.onDead(nowMs - this.#heardAtMs)
  }

  #suspect(): void {
    if (this.#isSuspect) return
    this.#isSuspect = true
    this.#listener.onSuspect(true)
  }

  #revive(nowMs: number): void {
    this.#heardAtMs = nowMs
    this.#misses = 0
    this.#isVerdictDue = false
    if (!this.#isSuspect) return
    this.#isSuspect = false
    this.#listener.onSuspect(false)
  }

  #takeNumber(): number {
    const number = this.#nextNumber
    this.#nextNumber = number === 0xffff_ffff ? 1 : number + 1
    return number
  }
}

function payloadOf(number: number): Uint8Array {
  const payload = new Uint8Array(PAYLOAD_BYTES)
  writeU32(payload, 0, PAYLOAD_MAGIC)
  writeU32(payload, 4, number)
  return payload
}
