/**
 * Owns the one thing that everything on a worker's wheel has in common: it can be told that its time has come.
 * Must not know: who or what waits.
 */
import { WheelEntry } from '@shardwire/protocol'

export abstract class Deadline extends WheelEntry {
  /** Called by the wheel's owner at or after the time it was scheduled for. */
  abstract expired(nowMs: number): void
}

/** Where deadlines stand. */
export interface DeadlineWheel {
  /** Lets `entry` expire at `dueMs` of the monotonic clock, instead of whenever it was scheduled for before. */
  schedule(entry: Deadline, dueMs: number): void
  cancel(entry: Deadline): void
  /** When `entry` expires; undefined while it is not scheduled. */
  dueMs(entry: Deadline): number | undefined
}
