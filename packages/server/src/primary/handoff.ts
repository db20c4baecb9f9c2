/**
 * Owns accepted sockets on their way to a worker: whose turn it is, tickets, and second tries.
 * Must not know: processes, channels, how a handle travels.
 * Invariant: a socket is in one lane's queue, or with exactly one ticket, or among those without a worker, or gone. The
 * primary's copy of a handle is closed when its worker has said `accepted`, and a socket is offered again only when
 * nobody can have read from it.
 */
import type { Clock } from '@shardwire/protocol'
import type { Accepted } from './accepted.ts'
import { HandoffLane, type HandoffTarget, type Waiting } from './handoff-lane.ts'

export interface HandoffOptions {
  readonly clock: Clock
  /** Sockets that may wait or be on their way. */
  readonly queueMax: number
  /** How long a socket may wait for a worker, in milliseconds. */
  readonly waitMsMax: number
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
  #onIdle: (() => void) | undefined
  /** Sockets closed because no worker could take them in time. */
  refused = 0
  /** Sockets handed over and acknowledged. */
  accepted = 0
  /** Sockets that went to a second worker. */
  offeredAgain = 0

  constructor(options: HandoffOptions) {
    this.#options = options
  }

  /** Sockets not yet acknowledged. */
  get pending(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.pending, this.#homeless.length)
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
    if (this.pending >= this.#options.queueMax) this.#refuse(handle)
    else this.#place([{ listener, handle, acceptedAtMs: this.#options.clock.nowMs() }])
  }

  /** The worker owns the socket. */
  acknowledge(target: HandoffTarget, sequence: number): void {
    const sent = this.#laneOf(target)?.answered(sequence)
    if (sent === undefined) return target.disown(sequence)
    sent.handle.close()
    this.accepted++
    this.#checkIdle()
  }

  /** The worker would not have the socket, and never read from it. */
  decline(target: HandoffTarget, sequence: number): void {
    const sent = this.#laneOf(target)?.answered(sequence)
    if (sent === undefined) return
    if (sent.acceptedAtMs <= this.#options.clock.nowMs() - this.#options.waitMsMax) this.#refuse(sent.handle)
    else this.#offerAgain([sent])
  }

  /**
   * To be called now and then, after the channels have been read in this turn of the loop: tries again what was not
   * answered, and gives up what nobody could take.
   */
  sweep(): void {
    const nowMs = this.#options.clock.nowMs()
    const unanswered = this.#lanes.flatMap((lane) => lane.takeUnanswered(nowMs))
    const oldest = nowMs - this.#options.waitMsMax
    const isTooOld = ({ acceptedAtMs }: Waiting): boolean => acceptedAtMs <= oldest
    const queued = this.#lanes.flatMap((lane) => lane.takeQueued(isTooOld))
    for (const { handle } of [...unanswered, ...this.#homeless].filter(isTooOld)) this.#refuse(handle)
    for (const { handle } of queued) this.#refuse(handle)
    this.#homeless = this.#homeless.filter((waiting) => !isTooOld(waiting))
    this.#offerAgain(unanswered.filter((waiting) => !isTooOld(waiting)))
  }

  /** Nothing will take what is left: closes it. */
  refuseAll(): void {
    const left = [...this.#homeless.splice(0), ...this.#lanes.flatMap((lane) => lane.takeAll())]
    for (const { handle } of left) this.#refuse(handle)
  }

  #offerAgain(sockets: readonly Waiting[]): void {
    this.offeredAgain += sockets.length
    this.#place(sockets)
  }

  /** Gives each socket to the next worker in the round. */
  #place(sockets: readonly Waiting[]): void {
    for (const socket of sockets) {
      const lane = this.#nextLane()
      if (lane === undefined) this.#homeless.push(socket)
      else lane.push(socket)
    }
  }

  /** Strictly the next slot; one that does not answer is passed over until it does, unless none does. */
  #nextLane(): HandoffLane | undefined {
    const answering = this.#lanes.filter(({ stalled }) => !stalled)
    const candidates = answering.length > 0 ? answering : this.#lanes
    const next = candidates.find(({ target }) => target.slot > this.#lastSlot) ?? candidates[0]
    if (next !== undefined) this.#lastSlot = next.target.slot
    return next
  }

  #laneOf(target: HandoffTarget): HandoffLane | undefined {
    return this.#lanes.find((lane) => lane.target === target)
  }

  #refuse(handle: Accepted): void {
    this.refused++
    handle.close()
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#onIdle === undefined || this.pending > 0) return
    this.#onIdle()
    this.#onIdle = undefined
  }
}
