/**
 * Owns the shape of what a climb has seen.
 * Must not know: how it is done, how a report looks.
 * Invariant: plain data, complete when the climb is over; what was not reached is null.
 */
import type { HeldState, Resized, Swept } from '../fleet/holders.ts'
import type { HoldPlan } from '../hold/hold-messages.ts'
import type { LedgerEntry } from '../observe/ledger.ts'
import type { RunOutcome } from '../report/run-report.ts'

/** What was seen with so many connections. */
export interface StepOutcome {
  readonly connections: number
  readonly opened: Resized
  /** Connects that a full accept queue made the kernel drop, of the whole machine; null where it does not tell. */
  readonly overflows: number | null
  readonly sweep: Swept
  readonly probe: RunOutcome
  readonly ledger: LedgerEntry
  readonly state: HeldState
}

export interface HoldOutcome {
  readonly lengthMs: number
  readonly pings: number
  readonly lost: number
  readonly probe: RunOutcome
  readonly sweep: Swept
}

export interface LadderBound {
  readonly connections: number
  readonly code: string
  readonly sentence: string
}

export interface LadderOutcome {
  readonly startedAtMs: number
  readonly holders: readonly HoldPlan[]
  readonly before: LedgerEntry
  readonly steps: readonly StepOutcome[]
  readonly bound: LadderBound | null
  readonly hold: HoldOutcome | null
  readonly closeMs: number | null
  /** After all were closed, and both sides had their rest. */
  readonly after: LedgerEntry | null
  readonly state: HeldState
  readonly breaks: readonly string[]
}
