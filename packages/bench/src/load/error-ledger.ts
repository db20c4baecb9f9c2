/**
 * Owns the count of what went wrong in a load process, by kind, and the first example.
 * Must not know: verdicts.
 * Invariant: every error is counted; only the first is described, so a flood of them costs no memory.
 */
import { ERROR_KINDS } from '../messages.ts'
import type { ErrorCounts, ErrorExample, ErrorKind } from '../messages.ts'

export type MutableErrorCounts = Record<ErrorKind, number>

export function noErrors(): MutableErrorCounts {
  return Object.fromEntries(ERROR_KINDS.map((kind) => [kind, 0])) as MutableErrorCounts
}

export class ErrorLedger {
  readonly #counts = noErrors()
  #total = 0
  #example: ErrorExample | null = null

  get total(): number {
    return this.#total
  }
  get counts(): ErrorCounts {
    return { ...this.#counts }
  }
  get example(): ErrorExample | null {
    return this.#example
  }

  /** Counts errors of a kind; `describe` is asked for the first error of all. */
  note(kind: ErrorKind, count: number, describe: () => Omit<ErrorExample, 'kind'>): void {
    this.#counts[kind] += count
    this.#total += count
    if (this.#example === null) this.#example = { kind, ...describe() }
  }
}
