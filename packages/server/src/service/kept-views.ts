/**
 * Owns finding out, while debugging, that a body's memory is still held after its handler is done.
 * Must not know: requests, where reports go.
 * Invariant: what is told is true: the memory outlived a full collection in a later turn of the loop, so that something
 * reaches it. At most WATCHED_MAX are watched, and one collection a second is made; the first after a quiet second at
 * once, so that a single frame sent by hand is enough.
 */
import type { Clock } from '@shardwire/protocol'
import { isPoisonIntact } from './loan.ts'

/**
 * Where misuse of a body is reported; limiting how often is the reporter's business.
 * @param error where it happened, if that is known
 */
export type ReportView = (route: string, text: string, error?: Error) => void

const SWEEP_INTERVAL_MS = 1000
const WATCHED_MAX = 1024

interface Watched {
  readonly route: string
  readonly memory: WeakRef<ArrayBuffer>
}

export class KeptViews {
  readonly #clock: Clock
  /** Frees all that nothing reaches, before it returns. */
  readonly #collect: () => void
  readonly #report: ReportView
  #watched: Watched[] = []
  #sweepsAtMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, collect: () => void, report: ReportView) {
    this.#clock = clock
    this.#collect = collect
    this.#report = report
  }

  /** The handler is done; undefined where nothing was lent. */
  watch(route: string, memory: WeakRef<ArrayBuffer> | undefined): void {
    if (memory === undefined || this.#watched.length === WATCHED_MAX) return
    this.#watched.push({ route, memory })
    if (this.#watched.length > 1) return
    const nowMs = this.#clock.nowMs()
    this.#sweepsAtMs = Math.max(nowMs, this.#sweepsAtMs + SWEEP_INTERVAL_MS)
    this.#clock.after(this.#sweepsAtMs - nowMs, () => this.#sweep())
  }

  #sweep(): void {
    const watched = this.#watched
    this.#watched = []
    this.#collect()
    const kept = new Map<string, ArrayBuffer[]>()
    for (const { route, memory } of watched) {
      const held = memory.deref()
      if (held === undefined) continue
      const others = kept.get(route)
      if (others === undefined) kept.set(route, [held])
      else others.push(held)
    }
    for (const [route, memories] of kept) this.#report(route, keptText(route, memories))
  }
}

function keptText(route: string, memories: readonly ArrayBuffer[]): string {
  const what = memories.length === 1 ? 'a body' : `${memories.length} bodies`
  const written = memories.every((memory) => isPoisonIntact(memory, route)) ? '' : ', and has written there'
  return (
    `route ${route}: something still holds ${what} after the handler was done${written}: a variable, a callback, or ` +
    `work that goes on; it finds other bytes there. Take request.keep() for what outlives the handler`
  )
}
