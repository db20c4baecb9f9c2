/**
 * Owns the way of a socket from its arrival in this worker to its connection, and the count of what is here.
 * Must not know: frames; how messages travel.
 * Invariant: where no limit and no proxy is configured, a socket becomes a connection at once, and nothing is
 * remembered of it.
 */
import type { Socket } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import { plainAddress } from '../admission/address.ts'
import { AddressRules } from '../admission/address-rules.ts'
import { ConnectionRate } from '../admission/connection-rate.ts'
import { Farewell } from '../admission/farewell.ts'
import { countsEnds, noticeForm } from '../admission/limits.ts'
import type { Config } from '../config/load-config.ts'
import type { SocketTicket, ToPrimary, Verdict } from '../ipc.ts'
import { createRefusals, type NoticeForm, Refusal } from '../refusal.ts'
import { peerOf } from '../transport/accepted.ts'
import type { RawBinding, RawHandle } from '../transport/raw-handle.ts'
import type { Connection } from './connection.ts'
import { countAt } from './counters.ts'
import { Departures } from './departures.ts'
import { Guest } from './guest.ts'
import { Lobby } from './lobby.ts'
import type { Shard } from './shard.ts'

export interface ReceptionParts {
  readonly config: Config
  readonly shard: Shard
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  readonly rawBinding: RawBinding | undefined
  /** Most files that a process may have open. */
  readonly descriptorLimit: number
  /** Whether one more socket may be open here. */
  readonly hasRoom: () => boolean
  /** Sockets that came from the primary, and were not told of yet. */
  readonly untold: () => number
  readonly tell: (message: ToPrimary) => void
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
  readonly onBadHeader: (fault: string) => void
}

export class Reception {
  /** Sockets closed without having been served, by reason. */
  readonly refusals = createRefusals()
  readonly #parts: ReceptionParts
  readonly #rules: AddressRules
  readonly #rate: ConnectionRate | undefined
  readonly #farewell: Farewell
  readonly #lobby: Lobby
  readonly #departures: Departures
  /** By listener. */
  readonly #forms: readonly NoticeForm[]
  readonly #countsAddresses: boolean

  constructor(parts: ReceptionParts) {
    const { config, shard, tell, later, rawBinding } = parts
    const { connectionRate, workers, maxConnectionsPerIp, proxyProtocol, handshakeTimeoutMs } = config
    this.#parts = parts
    this.#rules = new AddressRules(config)
    this.#rate = connectionRate > 0 ? new ConnectionRate(connectionRate / workers) : undefined
    this.#farewell = new Farewell(parts)
    this.#forms = config.listen.map(noticeForm)
    this.#countsAddresses = maxConnectionsPerIp > 0
    const counts = countsEnds(config, parts.descriptorLimit)
    this.#departures = new Departures({
      counts,
      numbers: this.#countsAddresses,
      open: () => this.open,
      tell,
      later,
    })
    this.#lobby = new Lobby({
      wheel: shard.wheel,
      nowMs: () => shard.wheel.nowMs,
      farewell: this.#farewell,
      rawBinding,
      versions: proxyProtocol === 'off' ? undefined : proxyProtocol,
      asks: this.#rules.concernsClients,
      timeoutMs: handshakeTimeoutMs,
      forms: this.#forms,
      documented: config.listen.map(({ scheme }) => scheme === 'tls'),
      refusals: this.refusals,
      tellAsks: (asks) => tell({ type: 'ask', asks }),
      open: () => this.open,
      want: (places) => tell({ type: 'want', places, open: this.open }),
      // The primary has asked for a token already where it has accepted.
      onSeated: ({ ticket }) => (ticket === 0 ? this.#rateRefusal() : undefined),
      later,
      onAdmitted: (guest) => this.#admitted(guest),
      onLeft: (guest) => this.#left(guest),
      onCountedLate: (id) => this.#departures.leftAs(id),
      onBadHeader: parts.onBadHeader,
    })
  }

  /** Sockets that are open here. */
  get sockets(): number {
    return this.#parts.shard.counters.connectionsOpen + this.#lobby.size + this.#farewell.lingering
  }

  /** Sockets that are served or soon will be, and that the primary knows to be here. */
  get open(): number {
    const open = this.#parts.shard.counters.connectionsOpen + this.#lobby.seated
    // Where there are quotas who comes from the primary takes a place only when it is told of.
    return this.#lobby.isLimited ? open : open - this.#parts.untold()
  }

  /** Sockets that are here, and not served yet. */
  get guests(): number {
    return this.#lobby.size
  }

  /** Takes a socket that the primary sent, unread: see `begin`. */
  adopt(socket: RawHandle | Socket, { listener, proxied, sequence }: SocketTicket): Connection | Guest {
    const newcomer = { socket, listener, ticket: sequence }
    if (proxied) return this.#lobby.enterProxied(newcomer)
    if (this.#lobby.isLimited) return this.#lobby.enter(newcomer)
    const connection = this.#parts.shard.adopt(socket, listener)
    this.#departures.opened(connection, sequence)
    return connection
  }

  /** Begins to read it. */
  begin(arrival: Connection | Guest): void {
    if (arrival instanceof Guest) this.#lobby.begin(arrival)
    else this.#parts.shard.open(arrival)
  }

  /** Closes our copy of a socket that is another worker's. */
  giveUp(arrival: Connection | Guest): void {
    if (!(arrival instanceof Guest)) this.#parts.shard.disown(arrival)
    else if (!this.#lobby.giveUp(arrival) && arrival.connection !== undefined) {
      this.#parts.shard.disown(arrival.connection)
    }
  }

  /** This worker accepted a socket itself. */
  accepted(socket: RawHandle | Socket, listener: number): void {
    const address = this.#rules.concernsPeers ? peerOf(socket) : ''
    const plain = address === undefined ? undefined : plainAddress(address)
    const isProxy = plain !== undefined && plain !== '' && this.#rules.isProxy(plain)
    const reason = this.#refusalOf(plain, isProxy)
    const isAsked = this.#countsAddresses && plain !== undefined && plain !== ''
    if (reason !== undefined) {
      countAt(this.refusals, reason)
      this.#farewell.say(socket, reason, this.#forms[listener] ?? 'none')
    } else if (isProxy) this.#lobby.begin(this.#lobby.enterProxied({ socket, listener }))
    else if (isAsked) this.#lobby.begin(this.#lobby.enter({ socket, listener }, plain))
    else if (!this.#lobby.hasPlace) this.#lobby.begin(this.#lobby.enter({ socket, listener }))
    else this.#parts.shard.open(this.#parts.shard.adopt(socket, listener))
  }

  answered(verdicts: readonly Verdict[]): void {
    this.#lobby.answered(verdicts)
  }

  /** The primary has given it another part of what there may be. @param quota null where there is no total */
  useQuota(quota: number | null, sequence: number): void {
    this.#lobby.useQuota(quota ?? Infinity)
    this.#parts.tell({ type: 'quota-taken', sequence, open: this.open, waiting: this.#lobby.waiting })
  }

  /** All places of all workers are taken. */
  full(): void {
    this.#lobby.full()
  }

  /** A connection is gone. */
  closed(connection: Connection): void {
    this.#departures.closed(connection)
    this.#lobby.placeFreed()
  }

  /** The worker drains: nobody is let in any more. */
  close(): void {
    this.#lobby.close()
  }

  #refusalOf(address: string | undefined, isProxy: boolean): number | undefined {
    const { hasRoom, shard, config } = this.#parts
    if (address === undefined) return Refusal.PEER_GONE
    if (!isProxy && address !== '' && !this.#rules.isAllowed(address)) return Refusal.DENIED
    // A client is told at once rather than left in a queue that is served only when somebody else leaves: it can go to
    // another machine. And what is accepted cannot wake this loop again.
    if (!hasRoom()) return Refusal.NO_DESCRIPTORS
    if (shard.counters.overload > 0) return Refusal.OVERLOADED
    // Who has to wait for a place takes a token when it has one.
    if (this.#lobby.hasPlace) return this.#rateRefusal()
    return this.#lobby.waiting < config.handoffQueue ? undefined : Refusal.QUEUE_FULL
  }

  #rateRefusal(): number | undefined {
    return this.#rate?.take(this.#parts.clock.nowMs()) === false ? Refusal.RATE : undefined
  }

  /** It was not admitted. */
  #left({ ticket }: Guest): void {
    if (ticket > 0 && this.#countsAddresses) this.#departures.leftAs(ticket)
    else this.#departures.left()
    this.#parts.shard.guestLeft()
  }

  #admitted(guest: Guest): void {
    const { shard } = this.#parts
    const connection = shard.adopt(guest.socket, guest.listener, guest.client)
    guest.connection = connection
    this.#departures.opened(connection, guest.id === 0 ? guest.ticket : guest.id)
    shard.open(connection)
  }
}
