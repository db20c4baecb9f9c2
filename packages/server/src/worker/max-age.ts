/**
 * Owns how old a connection may become: when it is told to connect anew, and when it is ended whatever it does.
 * Must not know: the wheel; deadlines ask here.
 * Invariant: each connection has a moment of its own, a tenth earlier or later than the age, so that those that came at
 * once do not leave at once.
 */
import { encodeGoaway } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Connection } from './connection.ts'
import { graceMs } from './grace.ts'

/** Part of the age that is left to chance, half of it each way. */
const JITTER_PART = 0.2
/** How much longer than its grace a client is waited for, at random. */
const END_MS_SPREAD = 100

export interface MaxAgeParts {
  /** Above 0. */
  readonly ageMs: number
  /** From GOAWAY to the end of what is still in flight. */
  readonly graceMs: number
  /** [0, 1) */
  readonly random: () => number
}

/** @returns undefined where connections may become as old as they like */
export function createMaxAge({ config, random }: { readonly config: AgeSettings; readonly random: () => number }) {
  const { maxConnectionAgeMs: ageMs, drainTimeoutMs: graceMs } = config
  return ageMs === 0 ? undefined : new MaxAge({ ageMs, graceMs, random })
}

type AgeSettings = Pick<Config, 'maxConnectionAgeMs' | 'drainTimeoutMs'>

export class MaxAge {
  readonly graceMs: number
  readonly goaway: Uint8Array
  readonly #parts: MaxAgeParts

  constructor(parts: MaxAgeParts) {
    this.#parts = parts
    this.graceMs = parts.graceMs
    // Only this connection goes: its client may come back at once, and will find a place.
    const [reason, retryAfterMs, jitterMs] = ['max-age', 0, END_MS_SPREAD]
    this.goaway = encodeGoaway({ reason, retry: 'now', retryAfterMs, jitterMs, deadlineMs: parts.graceMs })
  }

  /** A connection opens. */
  begin(connection: Connection, nowMs: number): void {
    const { ageMs, random } = this.#parts
    connection.ageByMs = nowMs + ageMs * (1 + JITTER_PART * (random() - 1 / 2))
  }

  /** When a connection that was told now is ended, should nothing be in flight. */
  endByMs(connection: Connection, nowMs: number): number {
    return nowMs + Math.min(this.graceMs, graceMs(connection, nowMs) + END_MS_SPREAD * this.#parts.random())
  }
}
