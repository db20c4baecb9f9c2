/**
 * Owns what the admin server answers, before it is HTTP.
 * Must not know: sockets.
 */
import type { ServerResponse } from 'node:http'

export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that goes on until one side ends it. */
export interface StreamReply {
  /** Begins to write; the head is its own. */
  readonly stream: (response: ServerResponse) => void
}

/** On every answer of ours: who asks for a daemon sees whether one answered. */
export const MARK = 'x-shardwire'

const JSON_TYPE = 'application/json; charset=utf-8'

export function json(value: unknown, status = 200): Reply {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` }
}

export function text(body: string, type = 'text/plain; charset=utf-8'): Reply {
  return { status: 200, type, body }
}

/** Something is wrong with the request, or with us; `message` says what, and what to do. */
export function problem(status: number, message: string, headers?: Readonly<Record<string, string>>): Reply {
  return { ...json({ error: message }, status), ...(headers && { headers }) }
}
