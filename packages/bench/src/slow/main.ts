/**
 * Owns the entry of the process of the slow readers: its channel to the coordinator, and its end.
 * Must not know: how slowly is read.
 * Invariant: it obeys the coordinator alone, and does not outlive it.
 */
import process from 'node:process'

import { systemClock } from '../clock.ts'
import { openDial } from '../socket/open-dial.ts'
import { isSlowOrder } from './slow-messages.ts'
import type { SlowMessage, SlowOrder } from './slow-messages.ts'
import { SlowRunner } from './slow-runner.ts'

let runner: SlowRunner | null = null

function emit(message: SlowMessage): void {
  // The channel can close under a report: 'disconnect' then ends the process.
  process.send?.(message, undefined, undefined, () => {})
}

function obey(order: SlowOrder): void {
  if (order.type === 'prepare') {
    runner = new SlowRunner(order.plan, { clock: systemClock, emit, openDial })
    emit({ type: 'ready' })
  } else runner?.stop()
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())
process.on('message', (message: unknown) => {
  if (!isSlowOrder(message)) throw new Error(`no order of the coordinator: ${JSON.stringify(message)}`)
  obey(message)
})
