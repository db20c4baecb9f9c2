/**
 * Owns accepted sockets on their way to a worker: whose turn it is, tickets, second tries, and refusals.
 * Must not know: processes, channels, how a handle travels.
 * Invariant: a socket is in one lane's queue, or with exactly one ticket, or among those without a worker, or gone:
 * `accepted`, or counted in `refusals`. The primary's copy of a handle is closed when its worker has said `accepted`,
 * and a socket is offered again only when nobody can have read from it.
 */
import type { Clock } from '@shardwire/protocol'
import { createRefusals, Refusal } from '../refusal.ts'
import type { Accepted } from '../transport/accepted.ts'
import { countAt } from '../worker/counters.ts'
import { HandoffLane, type HandoffTarget, type Waiting } from './handoff-lane.ts'

export interface HandoffOptions {
  readonly clock: Clock
  /** Sockets that may wait or be on their way. */
  readonly queueMax: number
  /** How long a socket may wait for a worker, in milliseconds. */
  readonly waitMsMax: number
  /** Whether this process may keep one more socket open beside the `pending` that it has. */
  readonly hasRoom: (pending: number) => boolean
  readonly placement: 'round-robin' | 'least-connections'
  /** Closes a socket that is refused, and tells its client why. */
  readonly dismiss: (socket: Refused, reason: number) => void
  /** The worker owns a socket that is counted by its address. */
  readonly onCounted: (target: HandoffTarget, sequence: number, group: string) => void
}

/** A socket that nobody serves. */
export type Refused = Pick<Waiting, 'handle' | 'listener' | 'group'>

export class Handoff {
  readonly #options: HandoffOptions
  /** One for each worker that is ready, in slot order. */
  readonly #lanes: HandoffLane[] = []
  /** Of workers on their way out: they get nothing, but have sockets to answer for. */
  readonly #retired: HandoffLane[] = []
  /** Sockets for which there was no worker, in the order they were accepted. */
  #homeless: Waiting[] = []
  /** Slot that had the last socket. */
  #lastSlot = -1
  #sequence = 0
  #pending = 0
  #onIdle: (() => void) | undefined
  /** Sockets closed without having been served, by reason. */
  readonly refusals: number[] = createRefusals()
  /** Sockets handed over and acknowledged. */
  accepted = 0
  /** Sockets that went to a second worker. */
  offeredAgain = 0

  constructor(options: HandoffOptions) {
    this.#options = options
  }

  /** Sockets not yet acknowledged. */
  get pending(): number {
    return this.#pending
  }

  /** Sockets closed without having been served. */
  get refused(): number {
    return this.refusals.reduce((sum, count) => sum + count, 0)
  }

  /** Resolves when no socket is on its way. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve
      this.#checkIdle()
    })
  }

  /** A worker is ready: it takes part in the round from now on, at the place of its slot. */
  addTarget(target: HandoffTarget): void {
    const lane = new HandoffLane(target, this.#options.clock, () => ++this.#sequence)
    this.#lanes.push(lane)
    this.#lanes.sort((a, b) => a.target.slot - b.target.slot)
    this.#place(this.#homeless.splice(0))
  }

  /** A worker is on its way out: what waits for it goes to others; what is on its way it still answers. */
  retireTarget(target: HandoffTarget): void {
    const at = this.#lanes.findIndex((lane) => lane.target === target)
    const [lane] = at < 0 ? [] : this.#lanes.splice(at, 1)
    if (lane === undefined) return
    this.#retired.push(lane)
    this.#offerAgain(lane.takeQueued(() => true))
  }

  /** A worker is gone, and every answer it sent has been read: what it did not acknowledge goes to others. */
  removeTarget(target: HandoffTarget): void {
    for (const lanes of [this.#lanes, this.#retired]) {
      const at = lanes.findIndex((lane) => lane.target === target)
      const [lane] = at < 0 ? [] : lanes.splice(at, 1)
      if (lane !== undefined) this.#offerAgain(lane.takeAll())
    }
    this.#checkIdle()
  }

  /** A socket was accepted. */
  offer(handle: Accepted, listener: number, group = '', proxied = false): void {
    const { clock, queueMax, hasRoom } = this.#options
    const pending = this.#pending++
    const socket = { listener, proxied, group, handle, acceptedAtMs: clock.nowMs() }
    if (!hasRoom(pending)) this.#refuse(socket, Refusal.NO_DESCRIPTORS)
    else if (pending >= queueMax) this.#refuse(socket, Refusal.QUEUE_FULL)
    else this.#placeOne(socket)
  }

  /** Counts a socket that is not to be offered, and closes it. */
  dismiss(socket: Refused, reason: number): void {
    countAt(this.refusals, reason)
    this.#options.dismiss(socket, reason)
  }

  /** The worker owns the socket. */
  acknowledge(target: HandoffTarget, sequence: number): void {
    const sent = this.#laneOf(target)?.answered(sequence)
    if (sent === undefined) return target.disown(sequence)
    sent.handle.close()
    if (sent.group !== '') this.#options.onCounted(target, sequence, sent.group)
    this.accepted++
    this.#pending--
    this.#checkIdle()
  }

  /** The worker would not have the socket, and never read from it. */
  decline(target: HandoffTarget, sequence: number): void {
    const sent = this.#laneOf(target)?.answered(sequence)
    if (sent === undefined) return
    if (sent.acceptedAtMs <= this.#options.clock.nowMs() - this.#options.waitMsMax) {
      this.#refuse(sent, Refusal.TOO_OLD)
    } else this.#offerAgain([sent])
  }

  /** The worker lives: a ticket that it did not answer never reached it. */
  heard(target: HandoffTarget): void {
    this.#laneOf(target)?.heard()
  }

  /**
   * To be called now and then, after the channels have been read in this turn of the loop: tries again what was not
   * answered, and gives up what nobody could take.
   */
  sweep(): void {
    if (this.#pending === 0) return
    const nowMs = this.#options.clock.nowMs()
    const unanswered = this.#all.flatMap((lane) => lane.takeUnanswered(nowMs))
    const oldest = nowMs - this.#options.waitMsMax
    const isTooOld = ({ acceptedAtMs }: Waiting): boolean => acceptedAtMs <= oldest
    const queued = this.#lanes.flatMap((lane) => lane.takeQueued(isTooOld))
    const homeless = this.#homeless.filter(isTooOld)
    for (const socket of [...unanswered.filter(isTooOld), ...homeless, ...queued]) this.#refuse(socket, Refusal.TOO_OLD)
    this.#homeless = this.#homeless.filter((waiting) => !isTooOld(waiting))
    this.#offerAgain(unanswered.filter((waiting) => !isTooOld(waiting)))
  }

  /** Nothing will take what is left: closes it. */
  refuseAll(): void {
    const left = [...this.#homeless.splice(0), ...this.#all.flatMap((lane) => lane.takeAll())]
    for (const socket of left) this.#refuse(socket, Refusal.STOPPING)
  }

  #offerAgain(sockets: readonly Waiting[]): void {
    this.offeredAgain += sockets.length
    this.#place(sockets)
  }

  #place(sockets: readonly Waiting[]): void {
    for (const socket of sockets) this.#placeOne(socket)
  }

  /** Gives the socket to the worker whose turn it is. */
  #placeOne(socket: Waiting): void {
    if (this.#lanes.length === 0) {
      this.#homeless.push(socket)
      return
    }
    const stalled = this.#lanes.every((lane) => lane.stalled)
    const lane = this.#options.placement === 'round-robin' ? this.#nextLane(stalled) : this.#leastLane(stalled)
    if (lane === undefined) {
      this.#refuse(socket, this.#isShedding(stalled) ? Refusal.OVERLOADED : Refusal.NO_DESCRIPTORS)
      return
    }
    this.#lastSlot = lane.target.slot
    lane.push(socket)
  }

  /** Strictly the next slot that takes one, of those that answer or, when none does, of those that do not. */
  #nextLane(stalled: boolean): HandoffLane | undefined {
    let first: HandoffLane | undefined
    for (const lane of this.#lanes) {
      if (!takesOne(lane, stalled)) continue
      if (lane.target.slot > this.#lastSlot) return lane
      first ??= lane
    }
    return first
  }

  /** The one with the fewest connections; of several the next in the round. */
  #leastLane(stalled: boolean): HandoffLane | undefined {
    let least: HandoffLane | undefined
    for (const lane of this.#lanes) {
      if (!takesOne(lane, stalled)) continue
      const isFirst = lane.target.slot > this.#lastSlot && (least?.target.slot ?? 0) <= this.#lastSlot
      if (least === undefined || lane.load < least.load || (lane.load === least.load && isFirst)) least = lane
    }
    return least
  }

  /** Whether one of those that a socket could have gone to has too much to do; else all lack descriptors. */
  #isShedding(stalled: boolean): boolean {
    return this.#lanes.some((lane) => lane.stalled === stalled && lane.target.shedsConnections)
  }

  get #all(): readonly HandoffLane[] {
    return this.#retired.length === 0 ? this.#lanes : [...this.#lanes, ...this.#retired]
  }

  #laneOf(target: HandoffTarget): HandoffLane | undefined {
    return this.#all.find((lane) => lane.target === target)
  }

  #refuse(socket: Waiting, reason: number): void {
    this.#pending--
    this.dismiss(socket, reason)
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#onIdle === undefined || this.#pending > 0) return
    this.#onIdle()
    this.#onIdle = undefined
  }
}

function takesOne(lane: HandoffLane, stalled: boolean): boolean {
  return lane.stalled === stalled && lane.hasRoom && !lane.target.shedsConnections
}
