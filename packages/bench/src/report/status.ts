/**
 * Owns what is said while a command of many steps is under way: lines that stay, and one that tells how it stands now.
 * Must not know: commands.
 * Invariant: on a terminal the line of now is rewritten in place and never left behind; elsewhere it is printed only
 * when it has been long since the last one.
 */
import type { Clock } from '@shardwire/protocol'

import type { Output } from '../output.ts'

export interface Status {
  /** A line that stays. */
  say(text: string): void
  /** How it stands at the moment. */
  now(text: string): void
  /** Nothing stands any more. */
  end(): void
}

export const SILENT_STATUS: Status = { say: () => {}, now: () => {}, end: () => {} }

/** Where there is no terminal, the line of now comes this rarely. */
const PLAIN_MS = 10_000
const CLEAR_LINE = '\r\u001b[2K'

export function statusOn(output: Output, clock: Clock, isQuiet: boolean): Status {
  if (isQuiet) return SILENT_STATUS
  return output.terminal ? new TerminalStatus(output) : new PlainStatus(output, clock)
}

class TerminalStatus implements Status {
  readonly #output: Output
  #isOpen = false

  constructor(output: Output) {
    this.#output = output
  }

  say(text: string): void {
    this.end()
    this.#output.write(`${text}\n`)
  }

  now(text: string): void {
    this.#isOpen = true
    this.#output.write(`${CLEAR_LINE}${text.slice(0, Math.max(20, this.#output.columns - 1))}`)
  }

  end(): void {
    if (this.#isOpen) this.#output.write(CLEAR_LINE)
    this.#isOpen = false
  }
}

class PlainStatus implements Status {
  readonly #output: Output
  readonly #clock: Clock
  #saidMs: number

  constructor(output: Output, clock: Clock) {
    this.#output = output
    this.#clock = clock
    this.#saidMs = clock.nowMs()
  }

  say(text: string): void {
    this.#saidMs = this.#clock.nowMs()
    this.#output.write(`${text}\n`)
  }

  now(text: string): void {
    if (this.#clock.nowMs() - this.#saidMs >= PLAIN_MS) this.say(text)
  }

  end(): void {}
}
