/**
 * Owns SIGHUP from the first statement of the daemon on: one that comes while the rest is being loaded is kept, where
 * it would end the process otherwise.
 * Must not know: what it means.
 * Invariant: from `awaitHangup` on there is always a listener. Loaded before everything else, so nothing is imported.
 */
import process from 'node:process'

let wasHeard = false

/** Keeps what comes until somebody obeys it. */
export function awaitHangup(): void {
  process.on('SIGHUP', hear)
}

/** Calls `task` for each SIGHUP from now on, and once for those that came since `awaitHangup`. */
export function obeyHangup(task: () => void): void {
  // Before the other goes: a signal without any listener ends the process.
  process.on('SIGHUP', task)
  process.off('SIGHUP', hear)
  if (!wasHeard) return
  wasHeard = false
  task()
}

function hear(): void {
  wasHeard = true
}
