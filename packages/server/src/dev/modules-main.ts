/**
 * Owns saying which files a process loads, for `shardwire dev`: preloaded (`--import`) into the daemon, its workers and
 * their threads.
 * Must not know: who reads it, services.
 * Invariant: a file is written down before it is loaded, so that one which cannot be is known, too; so is one that an
 * import does not find, which may come yet.
 */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The file to write to, a line each: the process, and the path. */
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
    appendFileSync(to, `${process.pid} ${file}\n`, { flag: 'a' })
  } catch {
    // Whoever reads has gone, and is missed by nobody: the daemon goes on.
  }
}

/** What a script may leave out of a name. */
const ENDINGS = ['', '.js', '.json', '.cjs', '/index.js']

/** Where it was looked for: what was asked for by a path, or what a package's names led to. */
function tellMissing(specifier: string, parent: string | undefined, error: unknown): void {
  const found = error instanceof Error && 'url' in error ? error.url : undefined
  if (typeof found === 'string') tell(found)
  if (!/^(?:\.{0,2}\/|file:)/.test(specifier) || !URL.canParse(specifier, parent)) return
  for (const ending of ENDINGS) {
    const url = new URL(specifier, parent)
    url.pathname += ending
    tell(url.href)
  }
}

registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context)
    } catch (error) {
      tellMissing(specifier, context.parentURL, error)
      throw error
    }
  },
  load(url, context, next) {
    tell(url)
    return next(url, context)
  },
})
