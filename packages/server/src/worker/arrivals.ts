/**
 * Owns the sockets that the primary hands over, from their arrival to their first read.
 * Must not know: how a connection is served, how messages travel.
 * Invariant: `accepted` has left this process before a socket's first read, and is never sent for a ticket that is
 * stale.
 */
import type { Socket } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import type { SocketTicket, ToPrimary } from '../ipc.ts'
import type { RawHandle } from '../transport/raw-handle.ts'
import type { Connection } from './connection.ts'
import { TicketBook } from './ticket-book.ts'

export interface ArrivalsParts {
  readonly clock: Clock
  /** Makes a connection of a socket, which is not read yet. */
  readonly adopt: (socket: RawHandle | Socket, listener: number) => Connection
  /** Begins to read. */
  readonly open: (connection: Connection) => void
  /** Closes our copy of a socket that may be another worker's by now, without a FIN or a reset of ours. */
  readonly giveUp: (connection: Connection) => void
  readonly descriptorsFree: () => number
  /** A socket's message came without its socket. */
  readonly onLost: () => void
  readonly tell: (message: ToPrimary, onSent?: (error: Error | null) => void) => void
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
}

interface Adopted {
  readonly connection: Connection
  readonly ticket: SocketTicket
}

export class Arrivals {
  readonly #parts: ArrivalsParts
  /** Connections whose ticket the primary could still give away. */
  readonly #tickets = new TicketBook<Connection>()
  /** Adopted in this turn of the loop, and told to nobody. */
  #adopted: Adopted[] = []
  /** Those whose `accepted` is being sent, in that order. */
  readonly #unsent: Adopted[][] = []
  readonly #tellAdopted = (): void => this.#accept()
  readonly #acceptedSent = (error: Error | null): void => this.#open(error)

  constructor(parts: ArrivalsParts) {
    this.#parts = parts
  }

  /** @param socket undefined when it was lost on its way: this process had no descriptor for it */
  arrived(ticket: SocketTicket, socket: RawHandle | Socket | undefined): void {
    const { clock, adopt, later, onLost } = this.#parts
    if (socket === undefined) onLost()
    if (socket === undefined || clock.nowMs() >= ticket.expiresAtMs) {
      if (socket !== undefined) closeSocket(socket)
      this.#parts.tell({ type: 'refused', sequence: ticket.sequence, descriptorsFree: this.#parts.descriptorsFree() })
      return
    }
    const connection = adopt(socket, ticket.listener)
    this.#tickets.add(ticket.sequence, connection)
    this.#adopted.push({ connection, ticket })
    if (this.#adopted.length === 1) later(this.#tellAdopted)
  }

  /** The primary has given this ticket's socket to another worker. */
  disown(sequence: number): void {
    const connection = this.#tickets.find(sequence)
    if (connection !== undefined) this.#parts.giveUp(connection)
  }

  #accept(): void {
    const adopted = this.#adopted
    this.#adopted = []
    this.#unsent.push(adopted)
    const sequences = adopted.map(({ ticket }) => ticket.sequence)
    this.#parts.tell(
      { type: 'accepted', sequences, descriptorsFree: this.#parts.descriptorsFree() },
      this.#acceptedSent,
    )
  }

  /**
   * `accepted` has left this process, in the order it was told. Before that the sockets must not be read: were this
   * process to die now, the primary would give them to another.
   */
  #open(error: Error | null): void {
    const { clock, open, giveUp } = this.#parts
    for (const { connection, ticket } of this.#unsent.shift() ?? []) {
      if (error === null && clock.nowMs() < ticket.expiresAtMs) open(connection)
      else giveUp(connection)
    }
  }
}

function closeSocket(socket: RawHandle | Socket): void {
  if ('destroy' in socket) socket.destroy()
  else socket.close()
}
