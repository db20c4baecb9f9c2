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
}

export class Handoff {
  readonly #options: HandoffOptions
  /** One for each worker that is ready, in slot order. */
  readonly #lanes: HandoffLane[] = []
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

  /** A worker is gone, and every answer it sent has been read: what it did not acknowledge goes to others. */
  removeTarget(target: HandoffTarget): void {
    const at = this.#lanes.findIndex((lane) => lane.target === target)
    const [lane] = at < 0 ? [] : this.#lanes.splice(at, 1)
    if (lane !== undefined) this.#offerAgain(lane.takeAll())
    this.#checkIdle()
  }

  /** A socket was accepted. */
  offer(handle: Accepted, listener: number): void {
    const { clock, queueMax, hasRoom } = this.#options
    const pending = this.#pending++
    if (!hasRoom(pending)) this.#refuse(handle, Refusal.NO_DESCRIPTORS)
    else if (pending >= queueMax) this.#refuse(handle, Refusal.QUEUE_FULL)
    else this.#placeOne({ listener, handle, acceptedAtMs: clock.nowMs() })
  }

  /** The worker owns the socket. */
  acknowledge(target: HandoffTarget, sequence: number): void {
    const sent = this.#laneOf(target)?.answered(sequence)
    if (sent === undefined) return target.disown(sequence)
    sent.handle.close()
    this.accepted++
    this.#pending--
    this.#checkIdle()
  }

  /** The worker would not have the socket, and never read from it. */
  decline(target: HandoffTarget, sequence: number): void {
    const sent = this.#laneOf(target)?.answered(sequence)
    if (sent === undefined) return
    if (sent.acceptedAtMs <= this.#options.clock.nowMs() - this.#options.waitMsMax) {
      this.#refuse(sent.handle, Refusal.TOO_OLD)
    } else this.#offerAgain([sent])
  }

  /** The worker lives: a ticket that it did not answer never reached it. */
  heard(target: HandoffTarget): void {
    const lane = this.#laneOf(target)
    if (lane !== undefined) lane.stalled = false
  }

  /**
   * To be called now and then, after the channels have been read in this turn of the loop: tries again what was not
   * answered, and gives up what nobody could take.
   */
  sweep(): void {
    if (this.#pending === 0) return
    const nowMs = this.#options.clock.nowMs()
    const unanswered = this.#lanes.flatMap((lane) => lane.takeUnanswered(nowMs))
    const oldest = nowMs - this.#options.waitMsMax
    const isTooOld = ({ acceptedAtMs }: Waiting): boolean => acceptedAtMs <= oldest
    const queued = this.#lanes.flatMap((lane) => lane.takeQueued(isTooOld))
    for (const { handle } of [...unanswered, ...this.#homeless].filter(isTooOld)) this.#refuse(handle, Refusal.TOO_OLD)
    for (const { handle } of queued) this.#refuse(handle, Refusal.TOO_OLD)
    this.#homeless = this.#homeless.filter((waiting) => !isTooOld(waiting))
    this.#offerAgain(unanswered.filter((waiting) => !isTooOld(waiting)))
  }

  /** Nothing will take what is left: closes it. */
  refuseAll(): void {
    const left = [...this.#homeless.splice(0), ...this.#lanes.flatMap((lane) => lane.takeAll())]
    for (const { handle } of left) this.#refuse(handle, Refusal.STOPPING)
  }

  #offerAgain(sockets: readonly Waiting[]): void {
    this.offeredAgain += sockets.length
    this.#place(sockets)
  }

  #place(sockets: readonly Waiting[]): void {
    for (const socket of sockets) this.#placeOne(socket)
  }

  /** Gives the socket to the next worker in the round. */
  #placeOne(socket: Waiting): void {
    if (this.#lanes.length === 0) {
      this.#homeless.push(socket)
      return
    }
    const lane = this.#nextLane(this.#lanes.every(({ stalled }) => stalled))
    if (lane === undefined) {
      this.#refuse(socket.handle, Refusal.NO_DESCRIPTORS)
      return
    }
    this.#lastSlot = lane.target.slot
    lane.push(socket)
  }

  /** Strictly the next slot with room, of those that answer or, when none does, of those that do not. */
  #nextLane(stalled: boolean): HandoffLane | undefined {
    let first: HandoffLane | undefined
    for (const lane of this.#lanes) {
      if (lane.stalled !== stalled || !lane.hasRoom) continue
      if (lane.target.slot > this.#lastSlot) return lane
      first ??= lane
    }
    return first
  }

  #laneOf(target: HandoffTarget): HandoffLane | undefined {
    return this.#lanes.find((lane) => lane.target === target)
  }

  #refuse(handle: Accepted, reason: number): void {
    countAt(this.refusals, reason)
    this.#pending--
    handle.close()
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#onIdle === undefined || this.#pending > 0) return
    this.#onIdle()
    this.#onIdle = undefined
  }
}
