/** Owns the tests of bodies behind middleware that waits, with debugging of views and without: whose bytes they are. */
import { encodeBody, KIND_MESSAGE, KIND_REQUEST } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { authorize } from '../../src/middleware/authorize.ts'
import { logging } from '../../src/middleware/logging.ts'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { timing } from '../../src/middleware/timing.ts'
import type { Middleware } from '../../src/service/middleware.ts'
import type { Request } from '../../src/service/request.ts'
import { route, type RouteDefinition } from '../../src/service/route.ts'
import { type FakeShard, fakeShard } from '../worker/fake-shard.ts'

const COUNT = 40
const waits: Middleware = async (_, next) => {
  await Promise.resolve()
  return next()
}
const all: readonly Middleware[] = [
  logging(),
  timing(() => undefined),
  rateLimit({ perSecond: 1e6 }),
  authorize(() => true),
]

/** Sends bodies that differ, all in one read, then others over them. @returns what was answered, by id */
async function answersOf(made: FakeShard): Promise<Map<number, string>> {
  const peer = made.connect()
  const bodies = Array.from({ length: COUNT }, (_, index) => Buffer.alloc(300, `body ${index} `))
  peer.send(...bodies.map((body, index) => ({ kind: KIND_REQUEST, route: 1, id: index + 1, body })))
  peer.send(...bodies.map(() => ({ kind: KIND_MESSAGE, route: 2, body: Buffer.alloc(300, 'others') })))
  await nextTurn()
  await nextTurn()
  const answers = new Map(peer.received().map(({ id, body }) => [id, Buffer.from(body).toString()]))
  for (const [index, body] of bodies.entries()) expect(answers.get(index + 1)).toBe(body.toString())
  return answers
}

const HANDLERS: Readonly<Record<string, (request: Request<Uint8Array>) => never>> = {
  'forwards it': (request) => request.forward() as never,
  'returns its bytes': (request) => request.bytes as never,
  'returns them later': (async (request: Request<Uint8Array>) => (await Promise.resolve(), request.bytes)) as never,
  'keeps them': (request) => request.keep() as never,
}

describe.each(Object.entries(HANDLERS))('a handler that %s', (_, handler) => {
  it.each([
    ['none', []],
    ['middleware that waits', [waits, waits]],
    ['all that comes with the package', all],
    ['both', [waits, ...all, waits]],
  ])('answers each caller with its own body behind %s', async (__, middleware) => {
    for (const debug of ['true', 'false']) {
      const routes: Record<string, RouteDefinition> = {
        first: route(1, { body: 'bytes', middleware }, handler),
        second: route(2, { body: 'bytes' }, () => undefined),
      }
      const made = fakeShard({ SHARDWIRE_DEBUG_VIEWS: debug, SHARDWIRE_MAX_IN_FLIGHT: '1000' }, routes)
      await answersOf(made)
      expect([made.misuses, made.faults, made.failures]).toEqual([[], [], []])
    }
  })
})

describe('with debugging of views', () => {
  it('all that a request tells is there, also after an await, and what a schema made of its body', async () => {
    const told: unknown[] = []
    const tell = ({ body, deadlineMs, trace, connection, callOptions, metadata }: Request): void =>
      void told.push([body, deadlineMs, trace?.traceId, connection.id, callOptions.timeoutMs, metadata?.rest])
    const made = fakeShard(
      {},
      {
        only: route(
          1,
          { body: z.object({ n: z.string().transform(Number) }), middleware: [waits] },
          async (request) => {
            tell(request)
            request.log.info('not seen')
            await Promise.resolve()
            tell(request)
          },
        ),
      },
    )
    const peer = made.connect()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const meta = encodeBody({ deadlineMs: 500, traceparent, tenant: 'a' })
    peer.send({ kind: KIND_REQUEST, route: 1, id: 1, body: encodeBody({ n: '7' }), meta })
    await nextTurn()
    const one = [{ n: 7 }, 500, traceparent.slice(3, 35), peer.connection.id, 500, { tenant: 'a' }]
    expect([told, peer.answers()]).toEqual([[one, one], ['2 1 1']])
  })

  it('a request that middleware keeps beyond its end is told as misused', () => {
    const kept: Request[] = []
    const keeps: Middleware = (request, next) => {
      kept.push(request)
      return next()
    }
    const made = fakeShard(
      {},
      { only: route(1, { body: 'bytes', middleware: [keeps] }, (request) => request.forward()) },
    )
    const peer = made.connect()
    const frame = { kind: KIND_REQUEST, route: 1, body: Buffer.from('x') }
    peer.send({ ...frame, id: 1 }, { ...frame, id: 2 })
    expect(() => kept[0]?.deadlineMs).toThrow('route only: .deadlineMs of the request was used after')
    expect(() => kept[0]?.connection).toThrow('route only: .connection of the request was used after')
  })
})
