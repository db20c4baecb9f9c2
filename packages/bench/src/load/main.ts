/**
 * Owns the entry of a load process: its channel to the coordinator, and its end.
 * Must not know: how load is made.
 * Invariant: it obeys the coordinator alone (Ctrl-C reaches the whole group and is the coordinator's to act on), and
 * does not outlive it: a closed channel ends the process.
 */
import process from 'node:process'

import { systemClock } from '../clock.ts'
import { isCoordinatorMessage } from '../messages.ts'
import type { CoordinatorMessage, LoadMessage } from '../messages.ts'
import { openDial } from '../socket/open-dial.ts'
import { LoadRunner } from './load-runner.ts'

let runner: LoadRunner | null = null

function emit(message: LoadMessage): void {
  // The channel can close under a report: 'disconnect' then ends the process.
  process.send?.(message, undefined, undefined, () => {})
}

function obey(message: CoordinatorMessage): void {
  if (message.type === 'prepare') {
    runner = new LoadRunner(message.plan, { clock: systemClock, emit, openDial })
    runner.prepare()
  } else if (message.type === 'start') runner?.start()
  else runner?.stop()
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())
process.on('message', (message: unknown) => {
  if (!isCoordinatorMessage(message)) throw new Error(`no message of the coordinator: ${JSON.stringify(message)}`)
  obey(message)
})
