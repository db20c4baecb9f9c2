/**
 * Owns whether an accepted socket may come in, by what is known before a byte of it is read; and the asks of workers
 * for clients whose address only they know.
 * Must not know: frames, what a worker does with its connections.
 * Invariant: whom no limit concerns costs a comparison here: no address is asked for. A connection is counted from its
 * admission until its worker says that it is gone, or dies; a worker's word counts once, whatever came late.
 */
import type { Clock } from '@shardwire/protocol'
import { plainAddress, addressGroup } from '../../admission/address.ts'
import { AddressRules } from '../../admission/address-rules.ts'
import { AddressTable } from '../../admission/address-table.ts'
import { ConnectionRate } from '../../admission/connection-rate.ts'
import { Farewell } from '../../admission/farewell.ts'
import { connectionsMax, noticeForm } from '../../admission/limits.ts'
import type { Config } from '../../config/load-config.ts'
import { ADMITTED, type Ask, type ToWorker, type Verdict } from '../../ipc.ts'
import { type NoticeForm, Refusal } from '../../refusal.ts'
import { type Accepted, peerOf, socketOf } from '../../transport/accepted.ts'
import type { RawBinding } from '../../transport/raw-handle.ts'
import { Handoff, type Refused } from '../handoff.ts'
import type { HandoffTarget } from '../handoff-lane.ts'
import { type QuotaHolder, Quotas } from './quotas.ts'

/** A worker, as far as the door concerns it. */
export interface Worker extends HandoffTarget, QuotaHolder {
  tell(message: Extract<ToWorker, { type: 'quota' | 'full' }>): void
}

const BALANCE_INTERVAL_MS = 1000

export interface DoorOptions {
  readonly config: Config
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  /** Undefined where sockets come as documented ones. */
  readonly rawBinding: RawBinding | undefined
  /** Most files that a process may have open. */
  readonly descriptorLimit: number
  /** Whether a listener is a Unix socket: who may use it is for its file to say, and nobody there has an address. */
  readonly isLocal: (listener: number) => boolean
  /** Whether this process may keep one more socket open beside the `pending` that it has. */
  readonly hasRoom: (pending: number) => boolean
}

export class Door {
  readonly handoff: Handoff
  readonly #clock: Clock
  #config: Config
  #rules: AddressRules
  #rate: ConnectionRate | undefined
  readonly #farewell: Farewell
  readonly #descriptorLimit: number
  #connectionsMax: number
  /** By listener. */
  readonly #forms: readonly NoticeForm[]
  readonly #table = new AddressTable<HandoffTarget>()
  /** Workers that may have connections, those that end among them. */
  readonly #workers = new Set<Worker>()
  /** Undefined where the door itself sees every connection. With no total they are without an end. */
  readonly #quotas: Quotas | undefined
  readonly #isLocal: DoorOptions['isLocal']
  #balancedAtMs = -Infinity

  constructor(options: DoorOptions) {
    const { config, clock, hasRoom, descriptorLimit, isLocal } = options
    this.#isLocal = isLocal
    this.#clock = clock
    this.#config = config
    this.#rules = new AddressRules(config)
    this.#rate = rateOf(config)
    this.#descriptorLimit = descriptorLimit
    this.#connectionsMax = connectionsMax(config, descriptorLimit)
    this.#forms = config.listen.map(noticeForm)
    this.#farewell = new Farewell(options)
    if (config.accept === 'reuseport') this.#quotas = this.#createQuotas()
    const current = (): Config => this.#config
    this.handoff = new Handoff({
      clock,
      get queueMax() {
        return current().handoffQueue
      },
      get waitMsMax() {
        return current().handshakeTimeoutMs
      },
      get placement() {
        return current().placement
      },
      hasRoom: (pending) => hasRoom(pending + this.#farewell.lingering),
      dismiss: (socket, reason) => this.#dismiss(socket, reason),
      onCounted: (worker, sequence, group) => this.#table.settle(worker, sequence, group),
    })
  }

  /** Goes by these limits from now on; who is in stays. */
  reconfigure(config: Config): void {
    if (config.connectionRate !== this.#config.connectionRate) this.#rate = rateOf(config)
    this.#config = config
    this.#rules = new AddressRules(config)
    this.#connectionsMax = connectionsMax(config, this.#descriptorLimit)
    this.#quotas?.useTotal(this.#connectionsMax)
  }

  /** Sockets that this process has open. */
  get sockets(): number {
    return this.handoff.pending + this.#farewell.lingering
  }

  /** Connections of all workers, and those on their way to one. */
  get open(): number {
    let open = this.handoff.pending
    for (const worker of this.#workers) open += worker.open
    return open
  }

  /** A socket was accepted here. */
  offer(handle: Accepted, listener: number): void {
    let group = ''
    let proxied = false
    if (this.#rules.concernsPeers && this.#isLocal(listener)) proxied = this.#rules.trustsLocal
    else if (this.#rules.concernsPeers) {
      const address = addressOf(handle)
      if (address === undefined) return this.handoff.dismiss({ handle, listener, group }, Refusal.PEER_GONE)
      proxied = this.#rules.isProxy(address)
      if (!proxied && !this.#rules.isAllowed(address)) {
        return this.handoff.dismiss({ handle, listener, group }, Refusal.DENIED)
      }
      if (!proxied && this.#config.maxConnectionsPerIp > 0) group = addressGroup(address)
    }
    const reason = this.#refusalOf(group)
    if (reason !== undefined) return this.handoff.dismiss({ handle, listener, group: '' }, reason)
    this.handoff.offer(handle, listener, group !== '' && this.#table.add(group) ? group : '', proxied)
  }

  /** A worker asks for clients whose address came in a PROXY header, or which it accepted itself. */
  answer(worker: HandoffTarget, asks: readonly Ask[]): readonly Verdict[] {
    return asks.map(({ id, address }) => ({ id, refusal: this.#judge(worker, id, address) }))
  }

  /** A worker is ready: it may have connections from now on. */
  workerReady(worker: Worker): void {
    this.#workers.add(worker)
    this.#quotas?.workerReady(worker)
    this.handoff.addTarget(worker)
  }

  /** A worker is on its way out: who waits there is let in, and nobody else. */
  workerLeaves(worker: Worker): void {
    this.#quotas?.workerLeaves(worker)
    this.handoff.retireTarget(worker)
  }

  /** Sockets wait at a worker that has used up its quota. */
  want(worker: Worker, places: number): void {
    this.#quotas?.want(worker, places)
  }

  /** A worker goes by its quota, and so many sockets still wait there. */
  quotaTaken(worker: Worker, waiting: number): void {
    this.#quotas?.taken(worker, waiting)
  }

  /** Connections of a worker ended, by the number of their ticket or ask. */
  gone(worker: HandoffTarget, ids: readonly number[]): void {
    this.#table.gone(worker, ids)
    this.#quotas?.heard()
  }

  /** A worker is gone, its connections with it, and every answer it sent has been read. */
  workerGone(worker: Worker): void {
    this.#workers.delete(worker)
    this.#quotas?.workerGone(worker)
    this.#table.holderGone(worker)
    this.handoff.removeTarget(worker)
  }

  /** To be called now and then. */
  sweep(): void {
    this.handoff.sweep()
    const nowMs = this.#clock.nowMs()
    if (this.#quotas === undefined || nowMs - this.#balancedAtMs < BALANCE_INTERVAL_MS) return
    this.#balancedAtMs = nowMs
    this.#quotas.balance()
  }

  #createQuotas(): Quotas {
    const tellTo = (holder: QuotaHolder, message: Parameters<Worker['tell']>[0]): void => {
      for (const worker of this.#workers) if (worker === holder) worker.tell(message)
    }
    return new Quotas({
      total: this.#connectionsMax,
      clock: this.#clock,
      // JSON has no Infinity.
      tell: (holder, { quota, sequence }) =>
        tellTo(holder, { type: 'quota', quota: quota === Infinity ? null : quota, sequence }),
      tellFull: (holder) => tellTo(holder, { type: 'full' }),
    })
  }

  /** A limit that what came meets, its address aside; a token is taken last, so that no other refusal costs one. */
  #refusalOf(group: string): number | undefined {
    const { maxConnectionsPerIp } = this.#config
    // Where there are quotas the worker judges it, also of what comes from here.
    const isCounted = this.#connectionsMax !== Infinity && this.#quotas === undefined
    if (isCounted && this.open >= this.#connectionsMax) return Refusal.MAX_CONNECTIONS
    if (group !== '' && this.#table.count(group) >= maxConnectionsPerIp) return Refusal.PER_ADDRESS
    return this.#rate?.take(this.#clock.nowMs()) === false ? Refusal.RATE : undefined
  }

  #judge(worker: HandoffTarget, id: number, text: string): number {
    const { maxConnectionsPerIp } = this.#config
    const address = plainAddress(text)
    if (!this.#rules.isAllowed(address)) return Refusal.DENIED
    if (maxConnectionsPerIp === 0) return ADMITTED
    const group = addressGroup(address)
    if (this.#table.count(group) >= maxConnectionsPerIp) return Refusal.PER_ADDRESS
    if (this.#table.add(group)) this.#table.settle(worker, id, group)
    return ADMITTED
  }

  #dismiss({ handle, listener, group }: Refused, reason: number): void {
    if (group !== '') this.#table.release(group)
    const socket = socketOf(handle)
    if (socket === undefined) handle.close()
    else this.#farewell.say(socket, reason, this.#forms[listener] ?? 'none')
  }
}

function addressOf(accepted: Accepted): string | undefined {
  const socket = socketOf(accepted)
  const peer = socket === undefined ? undefined : peerOf(socket)
  return peer === undefined ? undefined : plainAddress(peer)
}

function rateOf({ connectionRate }: Config): ConnectionRate | undefined {
  return connectionRate > 0 ? new ConnectionRate(connectionRate) : undefined
}
