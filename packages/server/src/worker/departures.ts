/**
 * Owns telling the primary, once a turn of the loop, that connections ended.
 * Must not know: why they ended, what the primary counts.
 * Invariant: a connection with a number is told of exactly once; where nobody counts ends, nothing is sent at all.
 */
import type { ToPrimary } from '../ipc.ts'
import type { Connection } from './connection.ts'

export interface DeparturesParts {
  /** Whether the primary has to know soon. */
  readonly counts: boolean
  /** Whether it knows connections by number. */
  readonly numbers: boolean
  /** Sockets that are here, and told of. */
  readonly open: () => number
  readonly tell: (message: ToPrimary) => void
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
}

export class Departures {
  readonly #parts: DeparturesParts
  readonly #numbers = new Map<Connection, number>()
  #ids: number[] = []
  #isDue = false

  constructor(parts: DeparturesParts) {
    this.#parts = parts
  }

  /** @param id its ticket's, or its ask's; 0 where it has none */
  opened(connection: Connection, id: number): void {
    if (this.#parts.numbers && id !== 0) this.#numbers.set(connection, id)
  }

  closed(connection: Connection): void {
    if (!this.#parts.counts) return
    const id = this.#numbers.get(connection)
    this.#numbers.delete(connection)
    if (id === undefined) this.left()
    else this.leftAs(id)
  }

  /** A socket without a number is gone. */
  left(): void {
    if (!this.#parts.counts || this.#isDue) return
    this.#isDue = true
    this.#parts.later(this.#tell)
  }

  /** One with a number is gone. */
  leftAs(id: number): void {
    this.#ids.push(id)
    this.left()
  }

  readonly #tell = (): void => {
    const ids = this.#ids
    this.#ids = []
    this.#isDue = false
    this.#parts.tell({ type: 'gone', ids, open: this.#parts.open() })
  }
}
