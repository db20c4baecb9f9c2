/**
 * Owns how many descriptors this worker has free, and what the primary is told of it.
 * Must not know: what they are for.
 * Invariant: when it was told that there are few, word follows soon of every one that comes free: the primary may be
 * refusing sockets meanwhile.
 */
import type { Clock } from '@shardwire/protocol'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import type { ToPrimary } from '../ipc.ts'

/** From here on they are few. */
const DESCRIPTORS_SHORT = 2 * DESCRIPTORS_SPARE
const ROOM_INTERVAL_MS = 50

export class RoomReport {
  readonly descriptors = new Descriptors(systemDescriptors)
  readonly #clock: Clock
  readonly #sockets: () => number
  readonly #tell: (message: ToPrimary) => void
  /** Whether the primary waits to be told of room. */
  #isShort = false

  /** @param sockets that are open here */
  constructor(clock: Clock, sockets: () => number, tell: (message: ToPrimary) => void) {
    this.#clock = clock
    this.#sockets = sockets
    this.#tell = tell
  }

  get free(): number {
    return this.descriptors.free(this.#sockets())
  }

  /** Asks the system. */
  recount(): void {
    this.descriptors.recount(this.#sockets())
  }

  /** How many are free, for the primary: when it is little, word follows as soon as it is more. */
  report(): number {
    const { free } = this
    if (free <= DESCRIPTORS_SHORT && !this.#isShort) {
      this.#isShort = true
      this.#clock.after(ROOM_INTERVAL_MS, () => this.#tellRoom(free))
    }
    return free
  }

  #tellRoom(reported: number): void {
    this.#isShort = false
    this.recount()
    if (this.free > reported) this.#tell({ type: 'room', descriptorsFree: this.report() })
    else this.report()
  }
}
