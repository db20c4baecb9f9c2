/**
 * Owns what the doctor says of one thing that it looked at.
 * Must not know: what was looked at, how it is shown.
 * Invariant: whatever is not fine says what was read, why it matters for this configuration, and how it is mended.
 */

/** Nothing to do; worth knowing; will hurt under load; does not work, or hurts now. */
export const LEVELS = ['fine', 'note', 'warning', 'critical'] as const

export type Level = (typeof LEVELS)[number]

export interface Finding {
  /** Names the check, for scripts: `open-files`. */
  readonly check: string
  readonly level: Level
  /** In a few words, for people. */
  readonly title: string
  /** What was read, and where. */
  readonly read: string
  /** Why it matters here; empty where all is fine. */
  readonly why: string
  /** Commands, or lines of a unit or environment file; none where all is fine, or nobody here can mend it. */
  readonly mend: readonly string[]
}

export function fine(check: string, title: string, read: string): Finding {
  return { check, level: 'fine', title, read, why: '', mend: [] }
}

/** The worst first; of one level in the order they were found. */
export function byLevel(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level))
}
