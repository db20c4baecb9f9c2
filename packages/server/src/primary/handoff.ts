/**
 * Owns accepted sockets on their way to a worker: order, tickets, and second tries.
 * Must not know: processes, channels, how a handle travels.
 * Invariant: a socket is in the queue, or with exactly one ticket, or gone. The primary's copy of a handle is closed
 * when its worker has said `accepted`, and a socket is offered again only when nobody can have read from it.
 */
import type { Clock } from '@shardwire/protocol'
import type { RawHandle } from '../raw-handle.ts'

/** A worker that sockets can be sent to. */
export interface HandoffTarget {
  readonly slot: number
  /** Sends a socket with its ticket. @returns false when the channel is closed */
  sendSocket(ticket: Ticket): boolean
  /** Tells that this ticket's socket was given to somebody else. */
  disown(sequence: number): void
}

/** A socket on its way, under a number of its own for each try. */
export interface Ticket {
  readonly sequence: number
  readonly listener: number
  readonly handle: RawHandle
  /** From this moment of the monotonic clock on the worker refuses it. */
  readonly expiresAtMs: number
}

export interface HandoffOptions {
  readonly clock: Clock
  /** Sockets that may wait or be on their way. */
  readonly queueMax: number
  /** How long a socket may wait for a worker, in milliseconds. */
  readonly waitMsMax: number
}

interface Waiting {
  readonly listener: number
  readonly handle: RawHandle
  readonly acceptedAtMs: number
}

interface Sent extends Waiting {
  readonly target: HandoffTarget
  readonly expiresAtMs: number
}

/** Life of a ticket. */
export const TICKET_MS = 1000
/** How much longer than the ticket's life the primary waits: an answer sent at the last moment is then surely here. */
export const TICKET_MARGIN_MS = 500

export class Handoff {
  readonly #options: HandoffOptions
  readonly #targets: HandoffTarget[] = []
  /** In the order they were accepted; those to be tried again come first. */
  #waiting: Waiting[] = []
  readonly #sent = new Map<number, Sent>()
  /** Slot that had the last socket. */
  #lastSlot = -1
  #sequence = 0
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
    return this.#waiting.length + this.#sent.size
  }

  /** A worker is ready: it takes part in the round from now on, at the place of its slot. */
  addTarget(target: HandoffTarget): void {
    this.#targets.push(target)
    this.#targets.sort((a, b) => a.slot - b.slot)
    this.#placeWaiting()
  }

  /** A worker is gone: what it has not acknowledged was never read, and goes to others. */
  removeTarget(target: HandoffTarget): void {
    const at = this.#targets.indexOf(target)
    if (at >= 0) this.#targets.splice(at, 1)
    const orphans: Waiting[] = []
    for (const [sequence, sent] of this.#sent) {
      if (sent.target !== target) continue
      this.#sent.delete(sequence)
      orphans.push(sent)
    }
    this.#offerAgain(orphans)
  }

  /** A socket was accepted. */
  offer(handle: RawHandle, listener: number): void {
    if (this.pending >= this.#options.queueMax) return this.#refuse(handle)
    this.#waiting.push({ listener, handle, acceptedAtMs: this.#options.clock.nowMs() })
    this.#placeWaiting()
  }

  /** The worker owns the socket. */
  acknowledge(target: HandoffTarget, sequence: number): void {
    const sent = this.#sent.get(sequence)
    if (sent === undefined || sent.target !== target) return target.disown(sequence)
    this.#sent.delete(sequence)
    sent.handle.close()
    this.accepted++
  }

  /** The worker would not have the socket. */
  decline(target: HandoffTarget, sequence: number): void {
    const sent = this.#sent.get(sequence)
    if (sent === undefined || sent.target !== target) return
    this.#sent.delete(sequence)
    this.#offerAgain([sent])
  }

  /**
   * To be called now and then, after the channels have been read in this turn of the loop: tries again what was not
   * answered, and gives up what nobody could take.
   */
  sweep(): void {
    const nowMs = this.#options.clock.nowMs()
    const unanswered: Waiting[] = []
    for (const [sequence, sent] of this.#sent) {
      if (nowMs < sent.expiresAtMs + TICKET_MARGIN_MS) continue
      this.#sent.delete(sequence)
      unanswered.push(sent)
    }
    this.#offerAgain(unanswered)
    const tooOld = (waiting: Waiting): boolean => nowMs - waiting.acceptedAtMs >= this.#options.waitMsMax
    for (const waiting of this.#waiting.filter(tooOld)) this.#refuse(waiting.handle)
    this.#waiting = this.#waiting.filter((waiting) => !tooOld(waiting))
  }

  /** Nothing will take what is left: closes it. */
  refuseAll(): void {
    const left = [...this.#waiting, ...this.#sent.values()]
    this.#waiting = []
    this.#sent.clear()
    for (const { handle } of left) this.#refuse(handle)
  }

  #offerAgain(sockets: readonly Waiting[]): void {
    if (sockets.length === 0) return
    this.offeredAgain += sockets.length
    this.#waiting = [...sockets, ...this.#waiting]
    this.#placeWaiting()
  }

  #placeWaiting(): void {
    let placed = 0
    for (const waiting of this.#waiting) {
      if (!this.#place(waiting)) break
      placed++
    }
    if (placed > 0) this.#waiting = this.#waiting.slice(placed)
  }

  /** Sends a socket to the next worker in the round. @returns false when none can be reached */
  #place({ listener, handle, acceptedAtMs }: Waiting): boolean {
    for (let tries = this.#targets.length; tries > 0; tries--) {
      const target = this.#nextTarget()
      if (target === undefined) return false
      const sequence = ++this.#sequence
      const expiresAtMs = this.#options.clock.nowMs() + TICKET_MS
      if (!target.sendSocket({ sequence, listener, handle, expiresAtMs })) continue
      this.#sent.set(sequence, { listener, handle, acceptedAtMs, target, expiresAtMs })
      return true
    }
    return false
  }

  #nextTarget(): HandoffTarget | undefined {
    const next = this.#targets.find((target) => target.slot > this.#lastSlot) ?? this.#targets[0]
    if (next !== undefined) this.#lastSlot = next.slot
    return next
  }

  #refuse(handle: RawHandle): void {
    this.refused++
    handle.close()
  }
}
