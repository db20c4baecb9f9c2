/** Owns the tests of bodies and answers against schemas, of three libraries and of one that takes its time. */
import { type as arktype } from 'arktype'
import * as valibot from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { BAD_BODY, decodeBody, decodeErrorBody, KIND_ERROR, ShardwireError } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { type Schema, typed } from '../../src/service/body.ts'
import { route, type RouteDefinition } from '../../src/service/route.ts'
import { type FakeShard, fakeShard, request } from '../worker/fake-shard.ts'

const SCHEMAS: Readonly<Record<string, Schema<{ at: number; tags: string[] }>>> = {
  zod: z.object({ at: z.number(), tags: z.array(z.string()) }),
  valibot: valibot.object({ at: valibot.number(), tags: valibot.array(valibot.string()) }),
  arktype: arktype({ at: 'number', tags: 'string[]' }),
}

/** What one REQUEST with `value` is answered with: the value, or the error. */
async function ask(shard: FakeShard, value: unknown): Promise<unknown> {
  const peer = shard.connect()
  peer.send(request(1, 1, value))
  await nextTurn()
  const [answer] = peer.received()
  if (answer === undefined) throw new Error('no answer')
  const { kind, body } = answer
  if (kind === KIND_ERROR) return decodeErrorBody(body, 0, body.length)
  return body.length === 0 ? undefined : decodeBody(body, 0, body.length)
}

function serve(definition: RouteDefinition): FakeShard {
  return fakeShard({}, { only: definition })
}

describe.each(Object.entries(SCHEMAS))('a body by a schema of %s', (_, schema) => {
  const shard = serve(route(1, { body: schema }, ({ body }) => body.at + body.tags.length))

  it('reaches the handler when it is right', async () => {
    expect(await ask(shard, { at: 40, tags: ['a', 'b'] })).toBe(42)
  })

  it('is BAD_BODY when it is not, with the way to each fault', async () => {
    const error = await ask(shard, { at: 1, tags: ['a', 7] })
    expect(error).toMatchObject({ code: BAD_BODY, details: { issues: [{ path: ['tags', 1] }] } })
    expect(String(error)).toMatch(/body\.tags\[1\]: \w+/)
    expect(await ask(shard, 'text')).toMatchObject({ code: BAD_BODY, details: { issues: [{ path: [] }] } })
  })
})

describe('a body', () => {
  it('is what its schema made of it', async () => {
    const shard = serve(
      route(1, { body: z.object({ n: z.string().transform(Number).default(7) }) }, ({ body }) => body.n),
    )
    expect([await ask(shard, { n: '3' }), await ask(shard, {})]).toEqual([3, 7])
  })

  it.each<[string, Schema<number>]>([
    ['zod', z.number().refine(async (n) => Promise.resolve(n % 2 === 0), 'must be even')],
    [
      'valibot',
      valibot.pipeAsync(
        valibot.number(),
        valibot.checkAsync(async (n) => Promise.resolve(n % 2 === 0), 'must be even'),
      ),
    ],
  ])('is checked by a schema of %s that takes its time, and its handler then runs asynchronously', async (_, even) => {
    const shard = serve(route(1, { body: even }, ({ body }) => body))
    expect(await ask(shard, 4)).toBe(4)
    expect(await ask(shard, 5)).toMatchObject({
      code: BAD_BODY,
      details: { issues: [{ path: [], message: 'must be even' }] },
    })
    expect(shard.shard.counters.handlersRunning).toBe(0)
  })

  it('with a thousand faults tells sixteen of them, and how many there are', async () => {
    const shard = serve(route(1, { body: z.array(z.string()) }, () => 'never'))
    const error = await ask(
      shard,
      Array.from({ length: 1000 }, () => 1),
    )
    if (!(error instanceof ShardwireError)) throw new Error('no error')
    expect(error.details).toMatchObject({ issues: { length: 16 } })
    expect(error.message).toContain('and 999 more')
  })

  it('by type alone is taken as it comes', async () => {
    const shard = serve(route(1, { body: typed<{ x: number }>() }, ({ body }) => body))
    expect(await ask(shard, { y: 1 })).toEqual({ y: 1 })
  })
})

describe('an answer by a schema', () => {
  it('is what its schema made of it, at once or later', async () => {
    const left = z.object({ left: z.number() })
    const wide = { left: 1, secret: 'x' }
    expect(await ask(serve(route(1, { answer: left }, () => wide)), null)).toEqual({ left: 1 })
    expect(await ask(serve(route(1, { answer: left }, async () => wide)), null)).toEqual({ left: 1 })
  })

  it('that is not what the schema says is a fault of the handler, of which the caller learns nothing', async () => {
    const shard = serve(route(1, { answer: z.number() }, () => 'secret' as never))
    const error = await ask(shard, null)
    expect(error).toMatchObject({ name: 'HANDLER_FAILED', details: undefined })
    expect(String(error)).not.toContain('secret')
  })

  it('is not asked about what is forwarded', async () => {
    expect(await ask(serve(route(1, { answer: z.number() }, (context) => context.forward())), 'as it came')).toBe(
      'as it came',
    )
  })
})
