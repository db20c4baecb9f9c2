/** Owns the tests of what runs around handlers: order, what it may do, what it must not. */
import { describe, expect, it } from 'vitest'
import { decodeBody, KIND_CANCEL, KIND_REQUEST, PERMISSION_DENIED, ShardwireError } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { compileService } from '../../src/service/compile.ts'
import type { Middleware } from '../../src/service/middleware.ts'
import type { Request } from '../../src/service/request.ts'
import { route } from '../../src/service/route.ts'
import { defineService } from '../../src/service/service.ts'
import { z } from 'zod'
import { type FakeShard, fakeShard, request } from '../worker/fake-shard.ts'

/** Writes down when it begins and ends. */
function noting(notes: string[], name: string): Middleware {
  return (_, next) => {
    notes.push(`${name} begins`)
    const result = next()
    notes.push(`${name} ends`)
    return result
  }
}

function serve(middleware: readonly Middleware[], handler: () => unknown): FakeShard {
  return fakeShard({}, { only: route(1, { middleware }, handler) })
}

/** What one REQUEST is answered with, as `kind route id`. */
async function answerOf(shard: FakeShard): Promise<string[]> {
  const peer = shard.connect()
  peer.send(request(1, 1))
  await nextTurn()
  return peer.answers()
}

describe('middleware', () => {
  it('runs in order, the service’s before the route’s, and around the handler', () => {
    const notes: string[] = []
    const service = defineService({
      name: 'ordered',
      middleware: [noting(notes, 'first'), noting(notes, 'second')],
      routes: { only: route(1, { middleware: [noting(notes, 'third')] }, () => void notes.push('handler')) },
    })
    const [only] = compileService(service).routes
    only?.run({ route: 'only' } as never)
    const ends = ['third ends', 'second ends', 'first ends']
    expect(notes).toEqual(['first begins', 'second begins', 'third begins', 'handler', ...ends])
  })

  it('that is sync makes no promise', () => {
    const shard = serve([(_, next) => next()], () => 1)
    const peer = shard.connect()
    peer.send(request(1, 1))
    // In the same turn.
    expect(peer.answers()).toEqual(['2 1 1'])
  })

  it('may wait before and after', async () => {
    const waiting: Middleware = async (_, next) => {
      await Promise.resolve()
      const result = await next()
      await Promise.resolve()
      return result
    }
    expect(await answerOf(serve([waiting, waiting], () => 1))).toEqual(['2 1 1'])
  })

  it('refuses by throwing, also before anybody looks at the body', async () => {
    let ran = false
    const deny: Middleware = () => {
      throw new ShardwireError(PERMISSION_DENIED, 'not you')
    }
    const run = (): void => void (ran = true)
    const shard = fakeShard({}, { only: route(1, { body: z.string(), middleware: [deny] }, run) })
    expect([await answerOf(shard), ran]).toEqual([['3 1 1 PERMISSION_DENIED'], false])
  })

  it('sees what the handler throws, sync or later, and may answer in its place', async () => {
    const fail = (): never => {
      throw new Error('no')
    }
    const catching: Middleware = async (_, next) => {
      try {
        return await next()
      } catch {
        return 'caught'
      }
    }
    expect(await answerOf(serve([catching], fail))).toEqual(['2 1 1'])
    expect(await answerOf(serve([catching], async () => fail()))).toEqual(['2 1 1'])
  })

  it('that calls next twice has failed', async () => {
    const twice: Middleware = (_, next) => [next(), next()]
    expect(await answerOf(serve([twice], () => 1))).toEqual(['3 1 1 HANDLER_FAILED'])
  })

  it('cannot run the rest once it has returned: its request may be another one’s by then', () => {
    const kept: (() => unknown)[] = []
    const later: Middleware = (_, next) => void kept.push(next)
    const shard = serve([later], () => 1)
    const peer = shard.connect()
    peer.send(request(1, 1))
    expect(peer.answers()).toEqual(['2 1 1'])
    expect(() => kept[0]?.()).toThrow('next() was called twice, or after its middleware had returned')
  })

  it('cannot run the rest once it has ended, where it is async: the request has been answered', async () => {
    const kept: (() => unknown)[] = []
    const later: Middleware = async (_, next) => {
      kept.push(next)
      return Promise.resolve('early')
    }
    expect(await answerOf(serve([later], () => 1))).toEqual(['2 1 1'])
    expect(() => kept[0]?.()).toThrow('next() was called twice, or after its middleware had returned')
  })

  it.each<[string, Middleware]>([
    ['sync', (_, next) => void next()],
    ['async that waits', async (_, next) => void (await next())],
    ['async that does not wait', async (_, next) => void next()],
  ])('that returns nothing leaves the answer as it is (%s)', async (_, middleware) => {
    const later = async (): Promise<string> => {
      await nextTurn()
      return 'later'
    }
    for (const handler of [() => 'at once', later]) {
      const shard = serve([middleware, middleware], handler)
      const peer = shard.connect()
      peer.send(request(1, 1))
      await nextTurn()
      await nextTurn()
      expect(peer.received().map(({ body }) => decodeBody(body, 0, body.length))).toEqual([await handler()])
    }
  })

  it.each<[string, Middleware, string]>([
    ['returns', (_, next) => (next(), 'early'), '2 1 1'],
    [
      'throws',
      (_, next) => {
        void next()
        throw new ShardwireError(PERMISSION_DENIED, 'too late')
      },
      '3 1 1 PERMISSION_DENIED',
    ],
  ])('that %s while an async handler goes on leaves it its request: no other frame’s', async (_, early, answer) => {
    const seen: string[] = []
    const goesOn = async (asked: Request): Promise<void> => {
      await nextTurn()
      seen.push(`${asked.route} ${Buffer.from(asked.bytes).toString()}`)
    }
    const { connect, shard } = fakeShard(
      {},
      {
        slow: route(1, { body: 'bytes', answer: 'msgpack', middleware: [early] }, goesOn),
        other: route(2, { body: 'bytes' }, (asked) => asked.forward()),
      },
    )
    const [mine, others] = [connect(), connect()]
    mine.send({ kind: KIND_REQUEST, route: 1, id: 1, body: Buffer.from('mine') })
    expect(shard.counters.handlersRunning).toBe(1)
    others.send({ kind: KIND_REQUEST, route: 2, id: 1, body: Buffer.from('of others') })
    await nextTurn()
    expect([seen, mine.answers(), others.answers()]).toEqual([['slow mine'], [answer], ['2 2 1']])
  })

  it('that lets an async handler go on fails with it', async () => {
    const fails = async (): Promise<never> => Promise.reject(new Error('no'))
    expect(await answerOf(serve([(_, next) => (next(), 'early')], fails))).toEqual(['3 1 1 HANDLER_FAILED'])
    expect(await answerOf(serve([(_, next) => void next()], fails))).toEqual(['3 1 1 HANDLER_FAILED'])
  })

  it('that waits runs nothing behind it once nobody waits any more, nor does a schema', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<boolean>()] as const
    const ran: string[] = []
    const waits: Middleware = async (_, next) => {
      await gates[0].promise
      return next()
    }
    const slowly = z.unknown().refine(() => gates[1].promise)
    const { connect, failures } = fakeShard(
      {},
      {
        behind: route(1, { middleware: [waits] }, () => void ran.push('behind a middleware')),
        checked: route(2, { body: slowly }, () => void ran.push('behind a schema')),
        answered: route(3, { middleware: [waits] }, () => void ran.push('answered')),
      },
    )
    const peer = connect()
    peer.send(request(1, 1), request(2, 2), request(3, 3))
    for (const id of [1, 2]) peer.send({ kind: KIND_CANCEL, route: id, id })
    gates[0].resolve()
    gates[1].resolve(true)
    await nextTurn()
    expect(ran).toEqual(['answered'])
    expect(peer.answers()).toEqual(['3 1 1 CANCELLED', '3 2 2 CANCELLED', '2 3 3'])
    expect(failures).toEqual([])
  })
})
