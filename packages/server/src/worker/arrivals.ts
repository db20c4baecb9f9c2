/**
 * Owns the sockets that the primary hands over, from their arrival to their first read.
 * Must not know: how a connection is served, how messages travel.
 * Invariant: `accepted` has left this process before a socket's first read. One whose ticket ran out by then is neither
 * read nor closed before the primary has said whose it is: it may be ours alone by then, or another worker's.
 */
import type { Socket } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import type { SocketTicket, ToPrimary } from '../ipc.ts'
import type { RawHandle } from '../transport/raw-handle.ts'
import { TicketBook } from './ticket-book.ts'

/** @typeParam Arrival what becomes of a socket here: a connection, or one that is not served yet */
export interface ArrivalsParts<Arrival> {
  readonly clock: Clock
  /** Takes a socket over, which is not read yet. */
  readonly adopt: (socket: RawHandle | Socket, ticket: SocketTicket) => Arrival
  /** Begins to read. */
  readonly begin: (arrival: Arrival) => void
  /** Closes our copy of a socket that may be another worker's by now, without a FIN or a reset of ours. */
  readonly giveUp: (arrival: Arrival) => void
  readonly descriptorsFree: () => number
  /** Sockets that are here and told of, as soon as those adopted are. */
  readonly open: () => number
  /** A socket's message came without its socket. */
  readonly onLost: () => void
  readonly tell: (message: ToPrimary, onSent?: (error: Error | null) => void) => void
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
}

interface Adopted<Arrival> {
  readonly arrival: Arrival
  readonly ticket: SocketTicket
}

export class Arrivals<Arrival> {
  readonly #parts: ArrivalsParts<Arrival>
  /** Connections whose ticket the primary could still give away. */
  readonly #tickets = new TicketBook<Arrival>()
  /** Adopted in this turn of the loop, and told to nobody. */
  #adopted: Adopted<Arrival>[] = []
  /** Those whose `accepted` is being sent, in that order. */
  readonly #unsent: Adopted<Arrival>[][] = []
  /** Those of which the primary was asked whose they are, by sequence. */
  readonly #doubtful = new Map<number, Arrival>()
  #closed = false
  readonly #tellAdopted = (): void => this.#accept()
  readonly #acceptedSent = (error: Error | null): void => this.#open(error)

  constructor(parts: ArrivalsParts<Arrival>) {
    this.#parts = parts
  }

  /** Sockets that are here, and that the primary was not told of. */
  get untold(): number {
    return this.#adopted.length
  }

  /** From now on every socket is refused: others serve on. */
  close(): void {
    this.#closed = true
  }

  /** @param socket undefined when it was lost on its way: this process had no descriptor for it */
  arrived(ticket: SocketTicket, socket: RawHandle | Socket | undefined): void {
    const { clock, adopt, later, onLost } = this.#parts
    if (socket === undefined) onLost()
    if (socket === undefined || this.#closed || clock.nowMs() >= ticket.expiresAtMs) {
      if (socket !== undefined) closeSocket(socket)
      this.#parts.tell({ type: 'refused', sequence: ticket.sequence, descriptorsFree: this.#parts.descriptorsFree() })
      return
    }
    const arrival = adopt(socket, ticket)
    this.#tickets.add(ticket.sequence, arrival)
    this.#adopted.push({ arrival, ticket })
    if (this.#adopted.length === 1) later(this.#tellAdopted)
  }

  /** The primary has given this ticket's socket to another worker. */
  disown(sequence: number): void {
    const arrival = this.#doubtful.get(sequence) ?? this.#tickets.find(sequence)
    this.#doubtful.delete(sequence)
    if (arrival !== undefined) this.#parts.giveUp(arrival)
  }

  /** The primary has seen our `accepted` for these: those it did not disown are ours. */
  settled(sequences: readonly number[]): void {
    for (const sequence of sequences) {
      const arrival = this.#doubtful.get(sequence)
      this.#doubtful.delete(sequence)
      if (arrival !== undefined) this.#parts.begin(arrival)
    }
  }

  #accept(): void {
    const adopted = this.#adopted
    this.#adopted = []
    this.#unsent.push(adopted)
    const sequences = adopted.map(({ ticket }) => ticket.sequence)
    this.#parts.tell(
      { type: 'accepted', sequences, descriptorsFree: this.#parts.descriptorsFree(), open: this.#parts.open() },
      this.#acceptedSent,
    )
  }

  /**
   * `accepted` has left this process, in the order it was told. Before that the sockets must not be read: were this
   * process to die now, the primary would give them to another.
   */
  #open(error: Error | null): void {
    const { clock, begin, giveUp, tell } = this.#parts
    const nowMs = clock.nowMs()
    const doubtful: number[] = []
    for (const { arrival, ticket } of this.#unsent.shift() ?? []) {
      if (error !== null) giveUp(arrival)
      else if (nowMs < ticket.expiresAtMs) begin(arrival)
      else {
        this.#doubtful.set(ticket.sequence, arrival)
        doubtful.push(ticket.sequence)
      }
    }
    if (doubtful.length > 0) tell({ type: 'doubt', sequences: doubtful })
  }
}

function closeSocket(socket: RawHandle | Socket): void {
  if ('destroy' in socket) socket.destroy()
  else socket.close()
}
