/**
 * Owns saying which files a process loads, for `shardwire dev`: preloaded (`--import`) into the daemon, its workers and
 * their threads.
 * Must not know: who reads it, services.
 * Invariant: a file is written down before it is loaded, so that one which cannot be is known, too.
 */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The file to write to, a path a line. */
const to = new URL(import.meta.url).searchParams.get('to')
/** What nobody edits while they write a service. */
const own = new URL('..', import.meta.url).href
const told = new Set<string>()

function tell(url: string): void {
  if (to === null || !url.startsWith('file:') || url.startsWith(own) || url.includes('/node_modules/')) return
  const file = fileURLToPath(url)
  if (told.has(file)) return
  told.add(file)
  try {
    appendFileSync(to, `${file}\n`, { flag: 'a' })
  } catch {
    // Whoever reads has gone, and is missed by nobody: the daemon goes on.
  }
}

registerHooks({
  load(url, context, next) {
    tell(url)
    return next(url, context)
  },
})
