/**
 * Owns the entry of a process that holds idle connections: its channel to the coordinator, and its end.
 * Must not know: how connections are held.
 * Invariant: it obeys the coordinator alone, and does not outlive it. It loads no histograms: its memory is part of
 * what a million connections cost.
 */
import process from 'node:process'

import { systemClock } from '../clock.ts'
import { openDial } from '../socket/open-dial.ts'
import { isHolderOrder } from './hold-messages.ts'
import type { HolderMemory, HolderMessage, HolderOrder } from './hold-messages.ts'
import { HoldRunner } from './hold-runner.ts'

let runner: HoldRunner | null = null

function emit(message: HolderMessage): void {
  // The channel can close under a report: 'disconnect' then ends the process.
  process.send?.(message, undefined, undefined, () => {})
}

function memory(): HolderMemory {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { residentBytes: rss, heapBytes: heapUsed, externalBytes: external }
}

function obey(order: HolderOrder): void {
  if (order.type === 'prepare') runner = new HoldRunner(order.plan, { clock: systemClock, emit, openDial, memory })
  else runner?.obey(order)
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())
process.on('message', (message: unknown) => {
  if (!isHolderOrder(message)) throw new Error(`no order of the coordinator: ${JSON.stringify(message)}`)
  obey(message)
})
