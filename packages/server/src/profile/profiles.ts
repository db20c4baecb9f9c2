/**
 * Owns the profiles that the primary has ordered: which worker takes each, and where its parts go.
 * Must not know: HTTP, V8.
 * Invariant: a profile ends: with its last part, with why there is none, with its worker, or when time is up. No more
 * of it is held here than the part that is on its way.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { ProfileKind, ProfileToPrimary, ProfileToWorker } from './profile-order.ts'

/** A worker, as far as it is profiled. */
export interface ProfiledWorker {
  readonly slot: number
  tell(message: ProfileToWorker): void
}

/** What becomes of an order. Each is called in a turn of its own; `failed` and `part` with isLast are the last. */
export interface ProfileSink {
  part(text: string, isLast: boolean): void
  failed(why: string, isBusy: boolean): void
}

/** A profile under way. */
export interface ProfileHandle {
  /** The part before has been passed on. */
  more(): void
  /** Nobody waits for it any more. */
  cancel(): void
}

interface Ordered {
  readonly worker: ProfiledWorker
  readonly sink: ProfileSink
  readonly cancelTimer: CancelTimer
}

/** Beyond the time of the profile itself: for whoever reads it. */
const TRANSFER_MS_MAX = 60_000
const MS_PER_S = 1000

export class Profiles {
  readonly #clock: Clock
  readonly #ordered = new Map<number, Ordered>()
  #lastId = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param seconds 1 to PROFILE_SECONDS_MAX */
  order(worker: ProfiledWorker, kind: ProfileKind, seconds: number, sink: ProfileSink): ProfileHandle {
    const id = ++this.#lastId
    const limitMs = seconds * MS_PER_S + TRANSFER_MS_MAX
    const cancelTimer = this.#clock.after(limitMs, () => {
      worker.tell({ type: 'profile-cancel', id })
      this.#failed(id, `worker ${worker.slot} did not hand it over in time`, false)
    })
    this.#ordered.set(id, { worker, sink, cancelTimer })
    worker.tell({ type: 'profile', id, kind, seconds })
    return {
      more: () => {
        if (this.#ordered.has(id)) worker.tell({ type: 'profile-more', id })
      },
      cancel: () => {
        if (this.#forget(id) !== undefined) worker.tell({ type: 'profile-cancel', id })
      },
    }
  }

  /** A worker has something to say of a profile. */
  told(worker: ProfiledWorker, message: ProfileToPrimary): void {
    const { id } = message
    const ordered = this.#ordered.get(id)
    if (ordered?.worker !== worker) return
    if (message.type === 'profile-failed') return this.#failed(id, message.why, message.isBusy)
    if (message.isLast) this.#forget(id)
    ordered.sink.part(message.text, message.isLast)
  }

  /** A worker is gone. */
  gone(worker: ProfiledWorker): void {
    for (const [id, ordered] of this.#ordered) {
      if (ordered.worker === worker) this.#failed(id, `worker ${worker.slot} has ended meanwhile`, false)
    }
  }

  #failed(id: number, why: string, isBusy: boolean): void {
    this.#forget(id)?.sink.failed(why, isBusy)
  }

  #forget(id: number): Ordered | undefined {
    const ordered = this.#ordered.get(id)
    ordered?.cancelTimer()
    this.#ordered.delete(id)
    return ordered
  }
}
