/** Owns a worker in memory, as far as sockets are handed to it: what it was sent, and what was taken from it. */
import type { HandoffTarget, Ticket } from '../../src/primary/handoff-lane.ts'

export class FakeTarget implements HandoffTarget {
  readonly slot: number
  readonly window: number
  descriptorsFree = Number.POSITIVE_INFINITY
  open = 0
  shedsConnections = false
  readonly tickets: Ticket[] = []
  readonly disowned: number[] = []

  /** @param window sockets that may be with its channel at a time */
  constructor(slot: number, window = 1000) {
    this.slot = slot
    this.window = window
  }
  sendSocket(ticket: Ticket): void {
    this.tickets.push(ticket)
  }
  disown(sequence: number): void {
    this.disowned.push(sequence)
  }
  get lastSequence(): number {
    return this.tickets.at(-1)?.sequence ?? -1
  }
}
