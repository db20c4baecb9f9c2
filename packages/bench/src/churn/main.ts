/**
 * Owns the entry of the process that opens and closes connections: its channel to the coordinator, and its end.
 * Must not know: how that is done.
 * Invariant: it obeys the coordinator alone, and does not outlive it.
 */
import process from 'node:process'

import { systemClock } from '../clock.ts'
import { openDial } from '../socket/open-dial.ts'
import { isChurnOrder } from './churn-messages.ts'
import type { ChurnMessage, ChurnOrder } from './churn-messages.ts'
import { ChurnRunner } from './churn-runner.ts'

let runner: ChurnRunner | null = null

function emit(message: ChurnMessage): void {
  // The channel can close under a report: 'disconnect' then ends the process.
  process.send?.(message, undefined, undefined, () => {})
}

function obey(order: ChurnOrder): void {
  if (order.type === 'prepare') {
    runner = new ChurnRunner(order.plan, { clock: systemClock, emit, openDial })
    emit({ type: 'ready' })
  } else if (order.type === 'start') runner?.start()
  else runner?.stop()
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())
process.on('message', (message: unknown) => {
  if (!isChurnOrder(message)) throw new Error(`no order of the coordinator: ${JSON.stringify(message)}`)
  obey(message)
})
