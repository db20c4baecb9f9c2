/**
 * Owns the names of what stands in a frame's header. A copy of the protocol's, which a browser cannot import by name;
 * a test holds the two together.
 */
import type { FrameHeader } from '../admin/inspect/frame-trail.ts'

export const KINDS = ['MESSAGE', 'REQUEST', 'RESPONSE', 'ERROR', 'CANCEL', 'kind 5', 'kind 6', 'CONTROL'] as const
export const OPCODES = ['PING', 'PONG', 'HELLO', 'WELCOME', 'GOAWAY'] as const
const KIND_CONTROL = 7

export function kindText(frame: FrameHeader): string {
  if ('broken' in frame) return 'no frame'
  if (frame.kind === KIND_CONTROL) return OPCODES[frame.route] ?? `CONTROL ${frame.route}`
  return KINDS[frame.kind] ?? `kind ${frame.kind}`
}

/** @param routes names by number */
export function routeText(frame: FrameHeader, routes: ReadonlyMap<number, string>): string {
  if ('broken' in frame || frame.kind === KIND_CONTROL || frame.route === 0) return ''
  const name = routes.get(frame.route)
  return name === undefined ? String(frame.route) : `${frame.route} ${name}`
}
