/**
 * Owns which of the newest sockets came under which ticket, for as long as the primary might call one back.
 * Must not know: sockets.
 * Invariant: it holds the newest TICKETS_MAX entries and no more.
 */

const TICKETS_MAX = 1024

export class TicketBook<Owner> {
  readonly #owners = new Map<number, Owner>()

  add(sequence: number, owner: Owner): void {
    this.#owners.set(sequence, owner)
    if (this.#owners.size <= TICKETS_MAX) return
    const [oldest] = this.#owners.keys()
    if (oldest !== undefined) this.#owners.delete(oldest)
  }

  find(sequence: number): Owner | undefined {
    return this.#owners.get(sequence)
  }
}
