/**
 * Owns who accepts from the listening sockets of each slot: the worker of the slot and, while it is dead or does not
 * answer, another one in its place.
 * Must not know: sockets, processes.
 * Invariant: while any worker lives and answers, every slot is accepted from. A stand-in leaves only when the slot's
 * own worker has said that it accepts; that both do for a moment is no harm, they take from one queue.
 */
import type { Clock } from '@shardwire/protocol'

/** A worker that can accept from a slot's sockets. */
export interface Holder {
  readonly slot: number
  /** Answered by `listening`. Asking again is no harm. */
  listen(slot: number): void
  /** Answered by `unlistened`. */
  unlisten(slot: number): void
}

/** A worker says once a second how it is: after this long without, it is taken to hang. */
export const SILENCE_MS_MAX = 2500
/** An answer that did not come by then is asked for again: the message may have met a worker without descriptors. */
export const ANSWER_MS_MAX = 1000

interface Asked {
  readonly holder: Holder
  askedAtMs: number
  listening: boolean
}

interface Slot {
  own: Asked | undefined
  standIn: Asked | undefined
}

export class SlotHolders {
  readonly #clock: Clock
  readonly #slots: readonly Slot[]
  /** When each worker that is ready was last heard of. */
  readonly #heardAtMs = new Map<Holder, number>()
  /** Slots that each worker was told to leave, and has not yet. */
  readonly #leaving = new Map<Holder, Set<number>>()
  #onLeft: (() => void) | undefined
  #stopped = false

  constructor(clock: Clock, slots: number) {
    this.#clock = clock
    this.#slots = Array.from({ length: slots }, () => ({ own: undefined, standIn: undefined }))
  }

  /** Whether every slot is accepted from by its own worker. */
  get isServed(): boolean {
    return this.#slots.every(({ own }) => own?.listening === true)
  }

  /** Whether this worker accepts from the sockets of its own slot. */
  isServedBy(holder: Holder): boolean {
    const own = this.#slots[holder.slot]?.own
    return own?.holder === holder && own.listening
  }

  workerReady(holder: Holder): void {
    if (this.#stopped) return
    this.#heardAtMs.set(holder, this.#clock.nowMs())
    const slot = this.#slots[holder.slot]
    if (slot !== undefined) slot.own = this.#ask(holder, holder.slot)
    this.sweep()
  }

  workerGone(holder: Holder): void {
    this.#heardAtMs.delete(holder)
    this.#leaving.delete(holder)
    for (const slot of this.#slots) {
      if (slot.own?.holder === holder) slot.own = undefined
      if (slot.standIn?.holder === holder) slot.standIn = undefined
    }
    this.sweep()
    this.#checkLeft()
  }

  heard(holder: Holder): void {
    if (this.#heardAtMs.has(holder)) this.#heardAtMs.set(holder, this.#clock.nowMs())
  }

  listening(holder: Holder, at: number): void {
    const slot = this.#slots[at]
    for (const asked of [slot?.own, slot?.standIn]) if (asked?.holder === holder) asked.listening = true
    this.sweep()
  }

  unlistened(holder: Holder, at: number): void {
    this.#leaving.get(holder)?.delete(at)
    this.#checkLeft()
  }

  /** To be called now and then: asks again, and finds stand-ins. */
  sweep(): void {
    if (this.#stopped) return
    const nowMs = this.#clock.nowMs()
    for (const [at, slot] of this.#slots.entries()) {
      for (const asked of [slot.own, slot.standIn]) this.#askAgain(asked, at, nowMs)
      const { own } = slot
      if (own !== undefined && this.#answers(own.holder, nowMs)) this.#release(slot, own.listening, at)
      else this.#findStandIn(slot, at, nowMs)
    }
  }

  /** Nobody shall accept any more. Resolves when all who live have said so. */
  stop(): Promise<void> {
    this.#stopped = true
    for (const [at, { own, standIn }] of this.#slots.entries()) {
      for (const asked of [own, standIn]) if (asked !== undefined) this.#leave(asked.holder, at)
    }
    return new Promise((resolve) => {
      this.#onLeft = resolve
      this.#checkLeft()
    })
  }

  #ask(holder: Holder, at: number): Asked {
    holder.listen(at)
    return { holder, askedAtMs: this.#clock.nowMs(), listening: false }
  }

  #askAgain(asked: Asked | undefined, at: number, nowMs: number): void {
    if (asked === undefined || asked.listening || nowMs - asked.askedAtMs < ANSWER_MS_MAX) return
    asked.askedAtMs = nowMs
    asked.holder.listen(at)
  }

  #answers(holder: Holder, nowMs: number): boolean {
    return nowMs - (this.#heardAtMs.get(holder) ?? -Infinity) < SILENCE_MS_MAX
  }

  #findStandIn(slot: Slot, at: number, nowMs: number): void {
    if (slot.standIn !== undefined && this.#answers(slot.standIn.holder, nowMs)) return
    const candidates = [...this.#heardAtMs.keys()].filter((holder) => {
      return holder !== slot.own?.holder && holder !== slot.standIn?.holder && this.#answers(holder, nowMs)
    })
    // The next slot's, so that the load of a dead worker does not always fall on the first.
    const next = candidates.toSorted((a, b) => this.#distance(at, a) - this.#distance(at, b))[0]
    if (next === undefined) return
    this.#release(slot, true, at)
    slot.standIn = this.#ask(next, at)
  }

  #distance(at: number, { slot }: Holder): number {
    return (slot - at + this.#slots.length) % this.#slots.length
  }

  #release(slot: Slot, isNeedless: boolean, at: number): void {
    if (slot.standIn === undefined || !isNeedless) return
    this.#leave(slot.standIn.holder, at)
    slot.standIn = undefined
  }

  #leave(holder: Holder, at: number): void {
    const slots = this.#leaving.get(holder) ?? new Set()
    this.#leaving.set(holder, slots.add(at))
    holder.unlisten(at)
  }

  #checkLeft(): void {
    if ([...this.#leaving.values()].some((slots) => slots.size > 0)) return
    this.#onLeft?.()
  }
}
