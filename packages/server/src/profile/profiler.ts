/**
 * Owns the profile that a worker takes: when it begins and ends, and its way to the primary, a part at a time.
 * Must not know: V8, who ordered it.
 * Invariant: one at a time; its text is here alone, and a part goes when the one before has been passed on. What was
 * cancelled sends nothing more.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { ProfileOrder, ProfileToPrimary } from './profile-order.ts'
import type { OpenProfileSession, ProfileSession } from './profile-session.ts'

/** Characters of a part. */
const PART_LENGTH = 65_536
const MS_PER_S = 1000

export interface ProfilerParts {
  readonly clock: Clock
  readonly open: OpenProfileSession
  readonly tell: (message: ProfileToPrimary) => void
}

/** One profile, from its order to its last part. */
interface Running {
  readonly order: ProfileOrder
  /** The one that can be closed: not while V8 is being asked to begin it, or to end it. */
  session: ProfileSession | undefined
  isAsking: boolean
  cancelTimer: CancelTimer | undefined
  text: string
  sent: number
  isCancelled: boolean
}

export class Profiler {
  readonly #parts: ProfilerParts
  #running: Running | undefined

  constructor(parts: ProfilerParts) {
    this.#parts = parts
  }

  start(order: ProfileOrder): void {
    if (this.#running !== undefined) {
      const { kind } = this.#running.order
      return this.#failed(order, `a ${kind} profile of this worker is being taken already`, true)
    }
    const running: Running = {
      order,
      session: undefined,
      isAsking: true,
      cancelTimer: undefined,
      text: '',
      sent: 0,
      isCancelled: false,
    }
    this.#running = running
    this.#begin(running).catch((error: unknown) => this.#gaveUp(running, error))
  }

  /** The part before has been passed on. */
  more(id: number): void {
    const running = this.#running
    if (running === undefined || running.order.id !== id) return
    const text = running.text.slice(running.sent, running.sent + PART_LENGTH)
    running.sent += text.length
    const isLast = running.sent >= running.text.length
    if (isLast) this.#running = undefined
    this.#parts.tell({ type: 'profile-part', id, text, isLast })
  }

  /** Nobody waits for it any more. */
  cancel(id: number): void {
    const running = this.#running
    if (running === undefined || running.order.id !== id) return
    running.isCancelled = true
    running.cancelTimer?.()
    // What is just being begun or ended is over when that is done: until then the next one would be its neighbour.
    if (running.isAsking) return
    running.session?.close()
    this.#running = undefined
  }

  async #begin(running: Running): Promise<void> {
    const { clock, open } = this.#parts
    const { kind, seconds } = running.order
    const session = await open(kind)
    if (running.isCancelled) {
      session.close()
      this.#running = undefined
      return
    }
    running.session = session
    running.isAsking = false
    running.cancelTimer = clock.after(seconds * MS_PER_S, () => {
      this.#end(running, session).catch((error: unknown) => this.#gaveUp(running, error))
    })
  }

  async #end(running: Running, session: ProfileSession): Promise<void> {
    running.session = undefined
    running.isAsking = true
    running.text = JSON.stringify(await session.stop())
    running.isAsking = false
    if (running.isCancelled) this.#running = undefined
    else this.more(running.order.id)
  }

  #gaveUp(running: Running, error: unknown): void {
    this.#running = undefined
    const why = error instanceof Error ? error.message : String(error)
    if (!running.isCancelled) this.#failed(running.order, `V8 does not give it: ${why}`, false)
  }

  #failed({ id }: ProfileOrder, why: string, isBusy: boolean): void {
    this.#parts.tell({ type: 'profile-failed', id, why, isBusy })
  }
}
