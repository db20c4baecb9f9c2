/**
 * Owns replacing all workers by ones with another configuration, one slot after the other, the new one first.
 * Must not know: where a configuration comes from, whether it may be.
 * Invariant: the first new worker that does not come up ends it, and whoever was not replaced by then serves on.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import type { Generation } from './spawn-worker.ts'
import type { Replacement } from './slot.ts'
import type { Supervisor } from './supervisor.ts'

export interface ReloadParts {
  readonly supervisor: Supervisor
  readonly clock: Clock
  readonly log: Logger
  /** How another reload is asked for: `send SIGHUP again`. */
  readonly again: string
  /** The first worker serves with it: from now on it is what the daemon runs with. */
  readonly onProven: (generation: Generation) => void
}

type Failure = Extract<Replacement, { ok: false }>

/** @param changed names of the options that have another value, for the log @returns whether all were replaced */
export async function reload(parts: ReloadParts, generation: Generation, changed: readonly string[]): Promise<boolean> {
  const { supervisor, clock, log, onProven } = parts
  const slots = generation.config.workers
  const beganMs = clock.nowMs()
  log.info({ event: 'reload-started', changed, workers: slots }, 'reload: replacing the workers one by one')
  for (let slot = 0; slot < slots; slot++) {
    const outcome = await supervisor.replace(slot, 'reload', generation)
    if (!outcome.ok) {
      if (outcome.isEnd === true)
        log.info({ event: 'reload-abandoned', replaced: slot }, 'reload: the daemon stops first')
      else tellFailure(parts, slot, slots, outcome)
      return false
    }
    if (slot === 0) onProven(generation)
    // One after the other: the memory of one more worker is what a reload takes.
    await outcome.left
  }
  const tookMs = Math.round(clock.nowMs() - beganMs)
  const workers = supervisor.current.map(({ slot, pid }) => ({ slot, pid }))
  log.info({ event: 'reloaded', tookMs, changed, workers }, 'reloaded: all workers are new')
  return true
}

function tellFailure({ log, again }: ReloadParts, slot: number, slots: number, { why, ended }: Failure): void {
  const kept =
    slot === 0
      ? 'all workers serve on as they were'
      : `slots 0 to ${slot - 1} have new workers, those from ${slot} to ${slots - 1} serve on as they were`
  // What is wrong may take several lines, and ends as it ends.
  const text = `reload stopped, ${kept}. Mend it and ${again}. A new worker did not come up: ${why}`
  log.error({ event: 'reload-failed', class: 'system', slot, replaced: slot, ...ended, why }, text)
}
