/**
 * Owns the one thing that everything on a worker's wheel has in common: it can be told that its time has come.
 * Must not know: who or what waits.
 */
import { WheelEntry } from '@shardwire/protocol'

export abstract class Deadline extends WheelEntry {
  /** Called by the wheel's owner at or after the time it was scheduled for. */
  abstract expired(nowMs: number): void
}
