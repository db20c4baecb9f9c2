/**
 * Owns the built-in demo service, which runs when no service module is configured; README and bench use it.
 * Must not know: connections.
 * Invariant: its routes, numbers and bodies are those of docs/protocol.md.
 */
import { BAD_BODY, type Clock, ShardwireError } from '@shardwire/protocol'
import { digest } from './demo-tasks.ts'
import type { Request } from './request.ts'
import { route } from './route.ts'
import { defineService, type Service } from './service.ts'

/** Longest sleep, in milliseconds: an hour. */
const SLEEP_MS_MAX = 3_600_000

export function createDemoService(clock: Clock): Service {
  return defineService({
    name: 'demo',
    routes: {
      echo: route(1, { body: 'bytes' }, (request) => request.forward()),
      greet: route(2, {}, (request) => greet(request, clock)),
      digest: route(3, { body: 'bytes', offload: digest }),
      sleep: route(4, {}, (request) => sleep(request, clock)),
      fail: route(5, { body: 'none' }, fail),
    },
  })
}

function greet(request: Request, clock: Clock): unknown {
  const { uid, val } = fieldsOf(request.body)
  if (typeof val !== 'string') throw badBody('val', 'a string', val)
  return { uid: uid ?? null, val: `server: hello, ${val}`, ts: new Date(clock.wallMs()).toISOString() }
}

function sleep(request: Request, clock: Clock): Promise<void> {
  const { ms } = fieldsOf(request.body)
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= SLEEP_MS_MAX)) {
    throw badBody('ms', `milliseconds from 0 to ${SLEEP_MS_MAX}`, ms)
  }
  const { signal } = request
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve)
    signal.addEventListener('abort', () => (cancel(), resolve()), { once: true })
  })
}

function fail(): never {
  throw new Error('the fail route fails, as it should')
}

function fieldsOf(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw new ShardwireError(BAD_BODY, 'the body must be a map')
}

function badBody(field: string, expected: string, value: unknown): ShardwireError {
  return new ShardwireError(BAD_BODY, `${field} must be ${expected}, got ${typeof value}`, { details: { field } })
}
