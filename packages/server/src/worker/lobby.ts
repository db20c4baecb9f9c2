/**
 * Owns sockets that this worker has and does not serve yet: first the PROXY header is read, if one is to come, then the
 * primary is asked for the client's address.
 * Must not know: frames, TLS, what is made of a guest that is admitted.
 * Invariant: a guest leaves exactly once: admitted, as a socket of which nothing but the header was read; or refused,
 * its reason counted; or given up. None stays longer than the handshake timeout.
 */
import type { Socket } from 'node:net'
import { closeSocket, type Farewell } from '../admission/farewell.ts'
import { ADMITTED, type Ask, type Verdict } from '../ipc.ts'
import { Refusal } from '../refusal.ts'
import { type ExactReader, ExactReaders } from '../transport/exact-reader.ts'
import { isRawHandle, type RawBinding, type RawHandle, socketOverHandle } from '../transport/raw-handle.ts'
import type { Connection } from './connection.ts'
import { countAt } from './counters.ts'
import { Deadline, type DeadlineWheel } from './deadline.ts'
import { type ClientAddress, ProxyHeader, type ProxyVersions } from './proxy-header.ts'

export interface LobbyParts {
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  readonly farewell: Farewell
  readonly rawBinding: RawBinding | undefined
  /** Undefined where no header is ever read. */
  readonly versions: ProxyVersions | undefined
  /** Whether the primary is to be asked for an address. */
  readonly asks: boolean
  readonly timeoutMs: number
  /** By listener: whether its clients understand an ERROR, and whether it is served by documented sockets (TLS). */
  readonly speaks: readonly boolean[]
  readonly documented: readonly boolean[]
  /** Refusals so far, by reason. */
  readonly refusals: number[]
  readonly tellAsks: (asks: readonly Ask[]) => void
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
  /** Takes over the socket. */
  readonly onAdmitted: (guest: Guest) => void
  /** One left without having been admitted. */
  readonly onLeft: () => void
  /** The primary counts a client, by the number of its ask, that has left. */
  readonly onCountedLate: (id: number) => void
  /** A header that was none, for the log. */
  readonly onBadHeader: (fault: string) => void
}

/** A socket in the lobby. */
export class Guest extends Deadline {
  readonly socket: RawHandle | Socket
  readonly listener: number
  /** Number of its ask, below 0; 0 while it has none. */
  id = 0
  /** Whom the proxy speaks for. */
  client: ClientAddress | undefined
  /** What limits go by, where it is not a proxy that says it. */
  address: string | undefined
  /** Reads the header; undefined where none comes. */
  reader: ExactReader | undefined
  /** What it became. */
  connection: Connection | undefined
  readonly #onExpired: (guest: Guest) => void

  constructor(socket: RawHandle | Socket, listener: number, onExpired: (guest: Guest) => void) {
    super()
    this.socket = socket
    this.listener = listener
    this.#onExpired = onExpired
  }

  override expired(): void {
    this.#onExpired(this)
  }
}

export class Lobby {
  readonly #parts: LobbyParts
  readonly #readers: ExactReaders
  readonly #guests = new Set<Guest>()
  readonly #asking = new Map<number, Guest>()
  #asks: Ask[] = []
  #lastId = 0
  readonly #expired = (guest: Guest): void => {
    const reason = guest.reader !== undefined && guest.id === 0 ? Refusal.PROXY_TIMEOUT : Refusal.TOO_OLD
    this.#refuse(guest, reason)
  }

  constructor(parts: LobbyParts) {
    this.#parts = parts
    this.#readers = new ExactReaders(parts.rawBinding)
  }

  get size(): number {
    return this.#guests.size
  }

  /** Takes a socket that begins with a PROXY header; it is not read yet. */
  enterProxied(socket: RawHandle | Socket, listener: number): Guest {
    const { versions } = this.#parts
    if (versions === undefined) throw new Error('this worker reads no PROXY headers')
    // What reads a raw handle once reads it ever after: where a documented socket comes next, it comes now.
    const isNext = this.#parts.documented[listener] === true && isRawHandle(socket)
    const guest = this.#enter(isNext ? socketOverHandle(socket) : socket, listener)
    const header = new ProxyHeader(versions)
    guest.reader = this.#readers.of(guest.socket, {
      onBytes: (memory, bytes) => {
        header.push(memory, bytes)
        if (header.fault !== undefined) this.#badHeader(guest, header.fault)
        else if (header.wanted === 0) this.#headerRead(guest, header.client)
        return header.fault === undefined ? header.wanted : 0
      },
      onEnded: () => this.#refuse(guest, Refusal.PEER_GONE),
    })
    return guest
  }

  /** Takes a socket for whose address the primary is to be asked. */
  enter(socket: RawHandle | Socket, listener: number, address: string): Guest {
    const guest = this.#enter(socket, listener)
    guest.address = address
    return guest
  }

  /** Begins to read, or asks. */
  begin(guest: Guest): void {
    // A drain may have come before `accepted` had left.
    if (!this.#guests.has(guest)) return
    const { wheel, nowMs, timeoutMs, versions } = this.#parts
    wheel.schedule(guest, nowMs() + timeoutMs)
    if (guest.reader === undefined) this.#ask(guest, guest.address)
    else guest.reader.start(new ProxyHeader(versions ?? 'any').wanted)
  }

  /** The primary's answers. */
  answered(verdicts: readonly Verdict[]): void {
    for (const { id, refusal } of verdicts) {
      const guest = this.#asking.get(id)
      if (guest === undefined) {
        if (refusal === ADMITTED) this.#parts.onCountedLate(id)
      } else if (refusal === ADMITTED) this.#admit(guest)
      else this.#refuse(guest, refusal)
    }
  }

  /** Another worker has the socket: closes our copy. @returns false when the guest has left */
  giveUp(guest: Guest): boolean {
    if (!this.#leave(guest)) return false
    closeSocket(guest.socket)
    this.#parts.onLeft()
    return true
  }

  /** Nobody is admitted any more. */
  close(): void {
    for (const guest of this.#guests) this.#refuse(guest, Refusal.STOPPING)
  }

  #enter(socket: RawHandle | Socket, listener: number): Guest {
    const guest = new Guest(socket, listener, this.#expired)
    this.#guests.add(guest)
    return guest
  }

  #badHeader(guest: Guest, fault: string): void {
    this.#parts.onBadHeader(fault)
    this.#refuse(guest, Refusal.BAD_PROXY_HEADER)
  }

  /** A proxy that speaks for itself is trusted already. */
  #headerRead(guest: Guest, client: ClientAddress | undefined): void {
    guest.client = client
    // Not from within its read: whoever takes the socket over may begin to read at once.
    if (client === undefined || !this.#parts.asks) this.#parts.later(() => this.#admit(guest))
    else this.#ask(guest, client.address)
  }

  #ask(guest: Guest, address = ''): void {
    guest.id = --this.#lastId
    this.#asking.set(guest.id, guest)
    this.#asks.push({ id: guest.id, address })
    if (this.#asks.length === 1) this.#parts.later(this.#tellAsks)
  }

  readonly #tellAsks = (): void => {
    const asks = this.#asks
    this.#asks = []
    this.#parts.tellAsks(asks)
  }

  #admit(guest: Guest): void {
    if (!this.#leave(guest)) return
    this.#parts.onAdmitted(guest)
  }

  #refuse(guest: Guest, reason: number): void {
    if (!this.#leave(guest)) return
    countAt(this.#parts.refusals, reason)
    this.#parts.farewell.say(guest.socket, reason, this.#parts.speaks[guest.listener] === true)
    this.#parts.onLeft()
  }

  /** @returns false when it has left already */
  #leave(guest: Guest): boolean {
    if (!this.#guests.delete(guest)) return false
    this.#asking.delete(guest.id)
    this.#parts.wheel.cancel(guest)
    guest.reader?.stop()
    return true
  }
}
