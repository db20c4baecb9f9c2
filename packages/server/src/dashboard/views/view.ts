/**
 * Owns what views have in common: how they are told what to do, and asking again and again without asking too much.
 * Must not know: any view.
 */
import type { Status } from '../../admin/status.ts'
import { ApiError } from '../api.ts'
import { nowMs } from '../clock.ts'
import { find, setAttribute, setText } from '../dom.ts'
import type { Place } from '../place.ts'

/** A view of the page that asks for what it shows. */
export interface AskingView {
  /** Somebody came here, or set it otherwise. */
  show(place: Place): void
  /** A second has passed. */
  tick(status: Status): void
  /** Now, whatever was asked last. */
  refresh(): void
  focusFilter(): void
  /** The next page, or the one before; where there are pages. */
  turn?(forward: boolean): void
}

const INTERVAL_MS = 2000
/** A question that took long is asked so much less often. */
const PATIENCE = 10

/** Asks one question at a time; of those that come meanwhile only the last one counts. */
export class Asking {
  readonly #ask: () => Promise<void>
  #isUnderWay = false
  #isWanted = false
  #nextAtMs = 0

  /** @param ask rejects with an ApiError, which is its own to show */
  constructor(ask: () => Promise<void>) {
    this.#ask = ask
  }

  now(): void {
    this.#isWanted = true
    if (!this.#isUnderWay) void this.#run()
  }

  /** When it is time again. */
  tick(): void {
    if (!this.#isUnderWay && nowMs() >= this.#nextAtMs) this.now()
  }

  async #run(): Promise<void> {
    this.#isUnderWay = true
    while (this.#isWanted) {
      this.#isWanted = false
      const beganMs = nowMs()
      await this.#ask()
      const endedMs = nowMs()
      this.#nextAtMs = endedMs + Math.max(INTERVAL_MS - 200, PATIENCE * (endedMs - beganMs))
    }
    this.#isUnderWay = false
  }
}

/** What is said above a table: how many, or what is wrong. */
export class Told {
  readonly #root: HTMLElement

  constructor(id: string) {
    this.#root = find(id, HTMLElement)
  }

  say(text: string, tone = ''): void {
    setText(this.#root, text)
    setAttribute(this.#root, 'data-tone', tone)
  }

  /** @throws what is no failure of asking */
  fail(error: unknown): void {
    if (!(error instanceof ApiError)) throw error
    this.say(error.message, 'bad')
  }
}

/** `worker 3 did not answer`; empty where all did. */
export function missingText(missing: readonly number[]): string {
  if (missing.length === 0) return ''
  return `; ${missing.length === 1 ? 'worker' : 'workers'} ${missing.join(', ')} did not answer`
}

export function isLive(id: string): boolean {
  return find(id, HTMLInputElement).checked
}

/** A name and its value for each, as choices of a select, after one that says nothing. */
export function choicesOf(all: string, values: readonly string[]): (readonly [string, string])[] {
  return [['', all], ...values.map((value) => [value, value] as const)]
}
