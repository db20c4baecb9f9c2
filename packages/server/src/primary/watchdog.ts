/**
 * Owns finding workers whose event loop stands still: each gives a sign of life once a second while it turns.
 * Must not know: processes, what becomes of such a worker.
 * Invariant: only time during which this process itself ran counts as silence. A machine that slept, a virtual machine
 * that was paused and a primary that was stopped find on waking that nobody had a chance to speak.
 */
import type { Clock } from '@shardwire/protocol'
import { SNAPSHOT_INTERVAL_MS } from '../ipc.ts'

/** Between two looks nobody is held to more silence than this: the rest of a longer gap this process did not run. */
const LOOK_MS_MAX = 500
/** The wall clock counts a sleep of the machine, the monotonic one does not; less apart is a clock that was set. */
const SLEPT_MS = 1000

export class Watchdog<Worker extends object> {
  readonly #clock: Clock
  readonly #silentMs = new Map<Worker, number>()
  #lookedAtMs: number
  #lookedAtWallMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAtMs = clock.nowMs()
    this.#lookedAtWallMs = clock.wallMs()
  }

  /** The worker's loop has turned. */
  heard(worker: Worker): void {
    this.#silentMs.set(worker, 0)
  }

  gone(worker: Worker): void {
    this.#silentMs.delete(worker)
  }

  silentMs(worker: Worker): number {
    return this.#silentMs.get(worker) ?? 0
  }

  /**
   * Whether its loop has stood still for `limitMs`, whatever it began with: its last sign of life may have been given
   * as long before that as there is from one to the next.
   */
  isStuck(worker: Worker, limitMs: number): boolean {
    return this.silentMs(worker) >= limitMs + SNAPSHOT_INTERVAL_MS
  }

  /** To be called several times a second, when what the workers have sent has been read. */
  look(workers: Iterable<Worker>): void {
    const nowMs = this.#clock.nowMs()
    const wallMs = this.#clock.wallMs()
    const passedMs = nowMs - this.#lookedAtMs
    const slept = wallMs - this.#lookedAtWallMs - passedMs > SLEPT_MS
    this.#lookedAtMs = nowMs
    this.#lookedAtWallMs = wallMs
    for (const worker of workers) {
      const silentMs = slept ? 0 : this.silentMs(worker) + Math.min(passedMs, LOOK_MS_MAX)
      this.#silentMs.set(worker, silentMs)
    }
  }
}
