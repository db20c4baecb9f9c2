/**
 * Owns which request is answered by which handler, and what it needs.
 * Must not know: sockets; what handlers do.
 * Invariant: a path is looked up before anybody is asked for a token, so that a wrong one is told as such; nothing but
 * whether it exists is told to who may not read.
 */
import type { Need } from './access.ts'
import { problem, type Reply, type StreamReply } from './reply.ts'

export interface AdminRequest {
  readonly method: string
  /** What stands in the place of `:name` in the route's path. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Who asks, for the log. */
  readonly peer: string
  /** Calls the listener when the answer is sent, or nobody waits for it any more. */
  readonly onGone: (listener: () => void) => void
}

export type AdminHandler = (request: AdminRequest) => Reply | StreamReply | Promise<Reply | StreamReply>

export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `/api/connections/:id` */
  readonly path: string
  readonly need: Need
  readonly handle: AdminHandler
}

export type Found =
  | { readonly route: AdminRoute; readonly parameters: Readonly<Record<string, string>> }
  | { readonly reply: Reply }

/** @param method of the request; HEAD is answered like GET @param path without its query */
export function findRoute(routes: readonly AdminRoute[], method: string, path: string): Found {
  const matching = routes.flatMap((route) => {
    const parameters = match(route.path, path)
    return parameters === undefined ? [] : [{ route, parameters }]
  })
  const wanted = method === 'HEAD' ? 'GET' : method
  const found = matching.find(({ route }) => route.method === wanted)
  if (found !== undefined) return found
  if (matching.length === 0) return { reply: problem(404, `there is nothing at ${path}`) }
  const allow = matching.map(({ route }) => route.method).join(', ')
  return { reply: problem(405, `${path} takes ${allow}, not ${method}`, { allow }) }
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const parameters: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const actual = given[index] ?? ''
    if (part.startsWith(':')) {
      const decoded = decode(actual)
      if (decoded === undefined || decoded === '') return undefined
      parameters[part.slice(1)] = decoded
    } else if (part !== actual) return undefined
  }
  return parameters
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    // A percent sign that begins nothing: no path of ours.
    return undefined
  }
}
