/**
 * Owns the entry of the control process: it does nothing but look how late the machine lets it wake up.
 * Must not know: the load.
 * Invariant: what it sees no server and no generator can have caused but by taking the machine: a stall that stands
 * here too is the machine's.
 */
import process from 'node:process'

import { nowUs, systemClock } from '../clock.ts'
import { LatencyRecorder } from '../load/latency-recorder.ts'
import type { ControlMessage } from './control-messages.ts'

const WAKE_MS = 5
const US_PER_MS = 1000

const recorder = new LatencyRecorder()
let dueUs = nowUs(systemClock) + WAKE_MS * US_PER_MS

function wake(): void {
  const atUs = nowUs(systemClock)
  // Each moment that was slept through counts with what it was late: one stall of a second is two hundred samples.
  for (; dueUs <= atUs; dueUs += WAKE_MS * US_PER_MS) recorder.record(atUs - dueUs)
  systemClock.after(Math.max(1, Math.ceil((dueUs - atUs) / US_PER_MS)), wake)
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())
process.on('message', () => {
  const message: ControlMessage = { type: 'hiccups', hiccups: recorder.take() }
  process.send?.(message, undefined, undefined, () => {})
})
wake()
