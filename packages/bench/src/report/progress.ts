/**
 * Owns the view of a run that is under way: one rewritten line on a terminal, a line each time elsewhere.
 * Must not know: what is done with the numbers afterwards.
 * Invariant: after `end` the cursor stands at the beginning of a line.
 */
import type { Phase } from '../messages.ts'
import type { Output } from '../output.ts'
import { grouped } from './numbers.ts'

export interface ProgressState {
  readonly phase: 'connecting' | Phase
  readonly connections: number
  readonly connectionsWanted: number
  readonly idle: { readonly up: number; readonly goal: number; readonly lost: number }
  readonly messagesPerSecond: number
  /** Latencies measured so far; without any there are no percentiles. */
  readonly samples: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly errors: number
  readonly secondsLeft: number
}

export interface Progress {
  /** What will be done, in words; once, before anything else. */
  plan(text: string): void
  show(state: ProgressState): void
  end(): void
}

export const SILENT: Progress = { plan: () => {}, show: () => {}, end: () => {} }

const COLUMNS_MIN = 20
const CLEAR_LINE = '\r\u001b[2K'

/** @param isQuiet whether nothing is to be seen but the result */
export function progressOn(output: Output, isQuiet: boolean): Progress {
  return isQuiet ? SILENT : new ProgressLine(output)
}

export class ProgressLine implements Progress {
  readonly #output: Output
  #open = false

  constructor(output: Output) {
    this.#output = output
  }

  plan(text: string): void {
    this.#output.write(`${text}\n`)
  }

  show(state: ProgressState): void {
    const text = progressText(state)
    this.#open = this.#output.terminal
    // A line that wraps could not be rewritten.
    const fitting = text.slice(0, Math.max(COLUMNS_MIN, this.#output.columns - 1))
    this.#output.write(this.#output.terminal ? `${CLEAR_LINE}${fitting}` : `${text}\n`)
  }

  end(): void {
    if (this.#open) this.#output.write(CLEAR_LINE)
    this.#open = false
  }
}

export function progressText(state: ProgressState): string {
  const { phase, connections, connectionsWanted } = state
  if (phase === 'connecting') return `connecting  ${grouped(connections)} of ${grouped(connectionsWanted)} connections`
  const { p50Us, p99Us, p999Us, idle } = state
  const latency = [`p50 ${grouped(p50Us)}`, `p99 ${grouped(p99Us)}`, `p99.9 ${grouped(p999Us)} us`]
  const lost = idle.lost === 0 ? '' : `, ${grouped(idle.lost)} lost`
  return [
    phase.padEnd(8),
    `${Math.max(0, Math.ceil(state.secondsLeft))} s left`,
    `${grouped(Math.round(state.messagesPerSecond))} messages/s`,
    ...(state.samples === 0 ? [] : latency),
    `${grouped(state.errors)} errors`,
    `${grouped(connections)} connections`,
    ...(idle.goal === 0 ? [] : [`${grouped(idle.up)} idle${lost}`]),
  ].join('  ')
}
