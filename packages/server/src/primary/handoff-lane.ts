/**
 * Owns the sockets that wait for, or are on their way to, one worker.
 * Must not know: other workers, processes.
 * Invariant: at most `target.window` sockets are with the channel at a time, since a ticket's clock runs while it waits
 * in it; and never more are here than the worker has descriptors for.
 */
import type { Clock } from '@shardwire/protocol'
import { DESCRIPTORS_SPARE } from '../descriptors.ts'
import type { Accepted } from '../transport/accepted.ts'

/** A worker that sockets can be sent to. */
export interface HandoffTarget {
  readonly slot: number
  /** Sockets that may be with its channel at a time. */
  readonly window: number
  /** Descriptors that it had free when it was last heard of, the spare ones among them. */
  readonly descriptorsFree: number
  /** Connections that it had open when it was last heard of; those on their way to it are not among them. */
  readonly open: number
  /** It has too much to do, and asks for no new connections. */
  readonly shedsConnections: boolean
  /**
   * Sends a socket with its ticket. What cannot be sent shows as a ticket without an answer, or as the worker's end.
   */
  sendSocket(ticket: Ticket): void
  /** Tells that this ticket's socket was given to somebody else. */
  disown(sequence: number): void
}

/** A socket on its way, under a number of its own for each try. */
export interface Ticket extends Origin {
  readonly sequence: number
  readonly handle: Accepted
  /** From this moment of the monotonic clock on the worker must not begin to read it. */
  readonly expiresAtMs: number
}

/** Where a socket comes from. */
export interface Origin {
  readonly listener: number
  /** It begins with a PROXY header, which the worker is to read. */
  readonly proxied: boolean
}

export interface Waiting extends Origin {
  /** What it is counted under by address; empty where it is not. */
  readonly group: string
  readonly handle: Accepted
  readonly acceptedAtMs: number
}

interface Sent {
  readonly socket: Waiting
  readonly expiresAtMs: number
}

/** Life of a ticket. */
export const TICKET_MS = 1000
/** How much longer than the ticket's life the primary waits: an answer sent at the last moment is then surely here. */
export const TICKET_MARGIN_MS = 500

export class HandoffLane {
  readonly target: HandoffTarget
  readonly #clock: Clock
  readonly #nextSequence: () => number
  #queue: Waiting[] = []
  readonly #sent = new Map<number, Sent>()
  #stalled = false

  constructor(target: HandoffTarget, clock: Clock, nextSequence: () => number) {
    this.target = target
    this.#clock = clock
    this.#nextSequence = nextSequence
  }

  /** A ticket went unanswered, and nothing has come since: nothing more is sent, lest the channel fill up. */
  get stalled(): boolean {
    return this.#stalled
  }

  get pending(): number {
    return this.#queue.length + this.#sent.size
  }

  /** Whether the worker could open one more socket, were all that are here its own already. */
  get hasRoom(): boolean {
    return this.target.descriptorsFree - this.pending > DESCRIPTORS_SPARE
  }

  /** Connections that the worker will have when all that are here are its own. */
  get load(): number {
    return this.target.open + this.pending
  }

  push(socket: Waiting): void {
    this.#queue.push(socket)
    this.#pump()
  }

  /** The worker lives: what waits may go to it. */
  heard(): void {
    this.#stalled = false
    this.#pump()
  }

  /** The worker answered a ticket. @returns its socket; undefined when it was taken away before */
  answered(sequence: number): Waiting | undefined {
    const sent = this.#sent.get(sequence)
    this.#sent.delete(sequence)
    this.heard()
    return sent?.socket
  }

  /** Takes away what the worker did not answer in time and, since it seems to stand still, what waits behind. */
  takeUnanswered(nowMs: number): Waiting[] {
    const unanswered: Waiting[] = []
    for (const [sequence, { socket, expiresAtMs }] of this.#sent) {
      if (nowMs < expiresAtMs + TICKET_MARGIN_MS) continue
      this.#sent.delete(sequence)
      unanswered.push(socket)
    }
    if (unanswered.length === 0) return unanswered
    this.#stalled = true
    return [...unanswered, ...this.#queue.splice(0)]
  }

  /** Takes away the waiting sockets for which `isTaken` is true. */
  takeQueued(isTaken: (socket: Waiting) => boolean): Waiting[] {
    const taken = this.#queue.filter(isTaken)
    if (taken.length > 0) this.#queue = this.#queue.filter((socket) => !isTaken(socket))
    return taken
  }

  /** Takes everything away. */
  takeAll(): Waiting[] {
    const all = [...[...this.#sent.values()].map(({ socket }) => socket), ...this.#queue]
    this.#sent.clear()
    this.#queue = []
    return all
  }

  #pump(): void {
    while (!this.#stalled && this.#sent.size < this.target.window) {
      const socket = this.#queue.shift()
      if (socket === undefined) return
      const sequence = this.#nextSequence()
      const expiresAtMs = this.#clock.nowMs() + TICKET_MS
      const { listener, proxied, handle } = socket
      this.#sent.set(sequence, { socket, expiresAtMs })
      this.target.sendSocket({ sequence, listener, proxied, handle, expiresAtMs })
    }
  }
}
