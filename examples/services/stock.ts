/** What docs/services.md describes: refusals, bytes after an await and beyond the handler, a wait that can be ended. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { defineService, type Request, route, ShardwireError } from '@shardwire/server'

const stock = new Map([['apple', 3]])
const notes: Uint8Array[] = []

/** What is thrown as a ShardwireError reaches the caller as it is. */
function take({ body }: Request): { left: number } {
  if (typeof body !== 'string') throw new ShardwireError('BAD_REQUEST', 'the body must be the name of an item')
  const count = stock.get(body) ?? 0
  if (count === 0) {
    const extras = { retryAfterMs: 60_000, details: { item: body } }
    throw new ShardwireError('OVERLOADED', `no ${body} is left`, extras)
  }
  stock.set(body, count - 1)
  return { left: count - 1 }
}

/** Asks for the bytes again after the await: those from before it may have been overwritten. */
async function sha256(request: Request): Promise<Uint8Array> {
  await Promise.resolve()
  return createHash('sha256').update(request.bytes).digest()
}

/** Puts the body aside for a later request: `bytes` would be overwritten by then, `keep()` is a copy that stays. */
function note(request: Request): void {
  notes.push(request.keep())
}

/** Ends early when nobody waits any more: cancelled, too late, or disconnected. */
async function wait({ body, signal, metadata }: Request): Promise<unknown> {
  await delay(Number(body), undefined, { signal })
  return metadata?.rest['tag'] ?? 'no tag'
}

export default defineService({
  name: 'stock',
  routes: {
    take: route(1, take),
    sha256: route(2, { body: 'bytes' }, sha256),
    wait: route(3, { timeoutMs: 5000 }, wait),
    // Bytes in, msgpack out.
    size: route(4, { body: 'bytes', answer: 'msgpack' }, ({ bytes }) => bytes.length),
    note: route(5, { body: 'bytes' }, note),
    notes: route(6, { body: 'none', answer: 'bytes' }, () => Buffer.concat(notes.splice(0))),
  },
})
