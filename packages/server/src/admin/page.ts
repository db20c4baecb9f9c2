/**
 * Owns the files of the dashboard: which there are, and how they are told to a browser.
 * Must not know: what the page shows.
 * Invariant: only files of this list are ever read, whatever is asked for; they are the same for everybody and say
 * nothing of the daemon, so they need no token. The page loads nothing else: it works without any network but this.
 */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Reply } from './reply.ts'
import type { AdminRoute } from './router.ts'

/** Beside src and dist alike. */
const PACKAGE = new URL('../../', import.meta.url)
const ASSETS = new URL('assets/dashboard/', PACKAGE)
/** What a browser runs is compiled, even where the daemon itself runs from its sources. */
const BUILD = new URL('dist/', PACKAGE)
const PAGE_FOLDER = 'dashboard/'
/** Modules of the daemon that the page imports: they import nothing themselves. */
const SHARED = ['admin/point.js', 'admin/units.js', 'admin/view.js', 'close-reason.js']
const LIBRARY = ['uPlot.iife.min.js', 'uPlot.min.css']

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** One route for each file, read when it is asked for first. @throws the system's error where there is no build */
export function pageRoutes(): readonly AdminRoute[] {
  const modules = readdirSync(new URL(PAGE_FOLDER, BUILD), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .map((name) => PAGE_FOLDER + name.replaceAll('\\', '/'))
  const library = pathToFileURL(createRequire(import.meta.url).resolve('uplot'))
  return [
    routeOf('/', new URL('index.html', ASSETS)),
    ...['page.css', 'icon.svg'].map((name) => routeOf(`/assets/${name}`, new URL(name, ASSETS))),
    ...[...SHARED, ...modules].map((name) => routeOf(`/assets/${name}`, new URL(name, BUILD))),
    ...LIBRARY.map((name) => routeOf(`/assets/${name}`, new URL(name, library))),
  ]
}

function routeOf(path: string, file: URL): AdminRoute {
  const type = TYPES[file.pathname.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
  let reply: Promise<Reply> | undefined
  const read = async (): Promise<Reply> => ({ status: 200, type, body: await readFile(file) })
  const handle = async (): Promise<Reply> => {
    reply ??= read()
    try {
      return await reply
    } catch (error) {
      // The next one that asks may find it: an upgrade replaces files while we run.
      reply = undefined
      throw error
    }
  }
  return { method: 'GET', path, need: 'page', handle }
}
