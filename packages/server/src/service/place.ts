/**
 * Owns remembering where in a module something was defined, for messages about it.
 * Must not know: what was defined.
 * Invariant: remembering costs one frame of a stack that is put into words only when somebody asks.
 */
import { fileURLToPath } from 'node:url'

/** A place in a module, not in words yet. */
export interface Place {
  readonly stack?: string
}

/** Where the function that calls `below` stands. */
export function placeOfCaller(below: (...parameters: never[]) => unknown): Place {
  const place: Place = {}
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  Error.captureStackTrace(place, below)
  Error.stackTraceLimit = limit
  return place
}

/** `file:line:column`; undefined where the stack does not say. */
export function placeText({ stack }: Place): string | undefined {
  const at = /(?:\(|at )([^()\s]*:\d+:\d+)\)?$/m.exec(stack ?? '')?.[1]
  if (at === undefined || !at.startsWith('file:')) return at
  const [, url = '', position = ''] = /^(.*?)(:\d+:\d+)$/.exec(at) ?? []
  return fileURLToPath(url) + position
}
