/**
 * Owns sockets that this worker has and does not serve yet: first they wait for a place, where there is a total and
 * none is left, then the PROXY header is read, if one is to come, then the primary is asked for the client's address.
 * Must not know: frames, TLS, what is made of a guest that is admitted.
 * Invariant: a guest leaves exactly once: admitted, as a socket of which nothing but the header was read; or refused,
 * its reason counted; or given up. None stays longer than the handshake timeout, once in the line and once behind it.
 */
import { closeSocket, type Farewell } from '../admission/farewell.ts'
import { ADMITTED, type Ask, type Verdict } from '../ipc.ts'
import { type NoticeForm, Refusal } from '../refusal.ts'
import { ExactReaders } from '../transport/exact-reader.ts'
import { isRawHandle, type RawBinding, socketOverHandle } from '../transport/raw-handle.ts'
import { countAt } from './counters.ts'
import type { DeadlineWheel } from './deadline.ts'
import { Guest, type Newcomer } from './guest.ts'
import { PlaceLine } from './place-line.ts'
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
  /** By listener: how its clients understand a refusal, and whether it is served by documented sockets (TLS). */
  readonly forms: readonly NoticeForm[]
  readonly documented: readonly boolean[]
  /** Refusals so far, by reason. */
  readonly refusals: number[]
  readonly tellAsks: (asks: readonly Ask[]) => void
  /** Sockets of this worker that have a place, those that are `seated` here among them. */
  readonly open: () => number
  /** Asks the primary for so many more places. */
  readonly want: (places: number) => void
  /** A guest has waited for its place, and has one. @returns why it is refused all the same */
  readonly onSeated: (guest: Guest) => number | undefined
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
  /** Takes over the socket. */
  readonly onAdmitted: (guest: Guest) => void
  /** One left without having been admitted. */
  readonly onLeft: (guest: Guest) => void
  /** The primary counts a client, by the number of its ask, that has left. */
  readonly onCountedLate: (id: number) => void
  /** A header that was none, for the log. */
  readonly onBadHeader: (fault: string) => void
}

export class Lobby {
  readonly #parts: LobbyParts
  readonly #readers: ExactReaders
  readonly #line: PlaceLine<Guest>
  readonly #guests = new Set<Guest>()
  #seated = 0
  readonly #asking = new Map<number, Guest>()
  #asks: Ask[] = []
  #lastId = 0
  readonly #expired = (guest: Guest): void => {
    const isRead = guest.isSeated && guest.reader !== undefined && guest.id === 0
    this.#refuse(guest, isRead ? Refusal.PROXY_TIMEOUT : Refusal.TOO_OLD)
  }

  constructor(parts: LobbyParts) {
    this.#parts = parts
    this.#readers = new ExactReaders(parts.rawBinding)
    const { open, want, later } = parts
    this.#line = new PlaceLine({
      open,
      want,
      later,
      seat: (guest) => this.#seat(guest),
      turnAway: (guest) => this.#refuse(guest, Refusal.MAX_CONNECTIONS),
    })
  }

  /** Sockets that are open here. */
  get size(): number {
    return this.#guests.size
  }

  /** Those of them that have a place. */
  get seated(): number {
    return this.#seated
  }

  /** Those that wait for one. */
  get waiting(): number {
    return this.#line.waiting
  }

  /** Whether there is a total of connections: then who comes from the primary takes a place when it begins. */
  get isLimited(): boolean {
    return this.#line.isLimited
  }

  /** Whether one more may be served without waiting for a place. */
  get hasPlace(): boolean {
    return this.#line.hasPlace
  }

  /** Takes a socket that begins with a PROXY header; it is not read yet. */
  enterProxied(newcomer: Newcomer): Guest {
    const { versions } = this.#parts
    if (versions === undefined) throw new Error('this worker reads no PROXY headers')
    const { socket, listener } = newcomer
    // What reads a raw handle once reads it ever after: where a documented socket comes next, it comes now.
    const isNext = this.#parts.documented[listener] === true && isRawHandle(socket)
    const guest = this.#enter(isNext ? { ...newcomer, socket: socketOverHandle(socket) } : newcomer)
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

  /** @param address for which the primary is to be asked; undefined where a place is all that it waits for */
  enter(newcomer: Newcomer, address?: string): Guest {
    const guest = this.#enter(newcomer)
    guest.address = address
    return guest
  }

  /** Waits for a place, begins to read, or asks. */
  begin(guest: Guest): void {
    // A drain may have come before `accepted` had left.
    if (!this.#guests.has(guest)) return
    if (guest.isSeated) return this.#go(guest)
    if (this.#line.hasPlace) return this.#seat(guest)
    const { wheel, nowMs, timeoutMs } = this.#parts
    wheel.schedule(guest, nowMs() + timeoutMs)
    this.#line.enter(guest)
  }

  /** @param quota most sockets that may have a place here; Infinity where there is no total */
  useQuota(quota: number): void {
    this.#line.useQuota(quota)
  }

  /** No worker has a place. */
  full(): void {
    this.#line.full()
  }

  /** To be called when a connection is gone. */
  placeFreed(): void {
    this.#line.look()
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
    this.#parts.onLeft(guest)
    this.#line.look()
    return true
  }

  /** Nobody is admitted any more. */
  close(): void {
    for (const guest of this.#guests) this.#refuse(guest, Refusal.STOPPING)
  }

  /** Where there is no total everybody has a place from the start: the primary counts it as soon as it is told. */
  #enter(newcomer: Newcomer): Guest {
    const isSeated = !this.#line.isLimited
    const guest = new Guest(newcomer, isSeated, this.#expired)
    this.#guests.add(guest)
    if (isSeated) this.#seated++
    return guest
  }

  #seat(guest: Guest): void {
    const hasWaited = this.#parts.wheel.dueMs(guest) !== undefined
    guest.isSeated = true
    this.#seated++
    const reason = hasWaited ? this.#parts.onSeated(guest) : undefined
    if (reason === undefined) this.#go(guest)
    else this.#refuse(guest, reason)
  }

  /** It has a place. */
  #go(guest: Guest): void {
    const { wheel, nowMs, timeoutMs, versions } = this.#parts
    if (guest.reader === undefined && guest.address === undefined) return this.#admit(guest)
    wheel.schedule(guest, nowMs() + timeoutMs)
    if (guest.reader === undefined) this.#ask(guest, guest.address)
    else guest.reader.start(new ProxyHeader(versions ?? 'any').wanted)
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
    this.#parts.farewell.say(guest.socket, reason, this.#parts.forms[guest.listener] ?? 'none')
    this.#parts.onLeft(guest)
    this.#line.look()
  }

  /** @returns false when it has left already */
  #leave(guest: Guest): boolean {
    if (!this.#guests.delete(guest)) return false
    this.#line.leave(guest)
    if (guest.isSeated) this.#seated--
    this.#asking.delete(guest.id)
    this.#parts.wheel.cancel(guest)
    guest.reader?.stop()
    return true
  }
}
