/** Owns the tests of what flows through the types of a service; most of them are held by the compiler alone. */
import type { RoutesOf } from '@shardwire/protocol'
import { clientRoute, defineService, type Forward, type Handler, type Request, route, typed } from '@shardwire/server'
import { type as arktype } from 'arktype'
import * as valibot from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { ResultOf } from '../../src/service/body.ts'

declare module '@shardwire/server' {
  interface Attributes {
    /** Only in this test. */
    typesTestUser?: string
  }
}

interface Point {
  readonly x: number
}

const byType = ({ body }: Request<Point>): number => body.x

const service = defineService({
  name: 'types',
  routes: {
    plain: route(1, ({ body }) => {
      expectTypeOf(body).toBeUnknown()
      return 1
    }),
    zod: route(2, { body: z.object({ at: z.coerce.number() }) }, async ({ body }) => {
      expectTypeOf(body).toEqualTypeOf<{ at: number }>()
      return body
    }),
    valibot: route(3, { body: valibot.object({ at: valibot.string() }) }, ({ body }) => {
      expectTypeOf(body).toEqualTypeOf<{ at: string }>()
    }),
    arktype: route(4, { body: arktype({ at: 'string' }) }, ({ body }) => {
      expectTypeOf(body).toEqualTypeOf<{ at: string }>()
      return body.at
    }),
    alone: route(5, { body: typed<Point>(), answer: typed<string>() }, ({ body }) => {
      expectTypeOf(body).toEqualTypeOf<Point>()
      return 'x'
    }),
    annotated: route(6, byType),
    annotatedToo: route(7, { timeoutMs: 1000 }, byType),
    bytes: route(8, { body: 'bytes' }, (request) => {
      expectTypeOf(request.body).toEqualTypeOf<Uint8Array>()
      return request.forward()
    }),
    size: route(9, { body: 'bytes', answer: 'msgpack' }, ({ bytes }) => bytes.length),
    none: route(10, { body: 'none', answer: 'bytes' }, ({ body }) => {
      expectTypeOf(body).toEqualTypeOf<undefined>()
      return new Uint8Array(1)
    }),
    maybe: route(11, { body: typed<Point>() }, (request): string | Forward =>
      request.body.x > 0 ? request.forward() : 'negative',
    ),
    checked: route(12, { answer: z.object({ left: z.number() }) }, async () => ({ left: 2 })),
  },
})

type Routes = RoutesOf<typeof service>

describe('a route', () => {
  it('tells its caller its number, as a literal', () => {
    expectTypeOf<Routes['plain']['number']>().toEqualTypeOf<1>()
    expectTypeOf<keyof Routes>().toExtend<string>()
  })

  it('takes what goes into its schema, and gives what comes out', () => {
    expectTypeOf<Routes['zod']['input']>().toEqualTypeOf<{ at: unknown }>()
    expectTypeOf<Routes['zod']['answer']>().toEqualTypeOf<{ at: number }>()
    expectTypeOf<Routes['valibot']['input']>().toEqualTypeOf<{ at: string }>()
    expectTypeOf<Routes['valibot']['answer']>().toEqualTypeOf<undefined>()
    expectTypeOf<Routes['arktype']['answer']>().toEqualTypeOf<string>()
    expectTypeOf<Routes['checked']['answer']>().toEqualTypeOf<{ left: number }>()
  })

  it('is typed by type alone, or by what its handler says of itself', () => {
    expectTypeOf<Routes['alone']['input']>().toEqualTypeOf<Point>()
    expectTypeOf<Routes['alone']['answer']>().toEqualTypeOf<string>()
    expectTypeOf<Routes['annotated']['input']>().toEqualTypeOf<Point>()
    expectTypeOf<Routes['annotatedToo']['answer']>().toEqualTypeOf<number>()
    expectTypeOf<Routes['plain']['input']>().toBeUnknown()
  })

  it('of bytes takes and gives bytes; forward() gives what came', () => {
    expectTypeOf<Routes['bytes']>().toExtend<{ bodyKind: 'bytes'; answerKind: 'bytes' }>()
    expectTypeOf<Routes['bytes']['answer']>().toEqualTypeOf<Uint8Array>()
    expectTypeOf<Routes['size']>().toExtend<{ bodyKind: 'bytes'; answerKind: 'msgpack' }>()
    expectTypeOf<Routes['size']['answer']>().toEqualTypeOf<number>()
    expectTypeOf<Routes['none']>().toExtend<{ bodyKind: 'none'; answerKind: 'bytes' }>()
    expectTypeOf<Routes['maybe']['answer']>().toEqualTypeOf<string | Point>()
  })
})

describe('what the compiler refuses', () => {
  it('a handler for another body, and an answer that is not the schema’s', () => {
    expectTypeOf(byType).not.toExtend<Handler<{ y: number }>>()
    expectTypeOf(byType).toExtend<Handler<Point & { y: number }>>()
    const answer = z.number()
    expectTypeOf<string>().not.toExtend<ResultOf<{ answer: typeof answer }>>()
    expectTypeOf<Promise<number>>().toExtend<ResultOf<{ answer: typeof answer }>>()
    expectTypeOf<string>().not.toExtend<ResultOf<{ body: 'bytes' }>>()
  })
})

describe('a question to the client', () => {
  const sensor = clientRoute(40, { body: typed<{ place: string }>(), answer: z.number() })

  it('takes and gives what its route says', () => {
    const handler = async ({ connection }: Request): Promise<void> => {
      expectTypeOf(await connection.request(sensor, { place: 'roof' })).toEqualTypeOf<number>()
      expectTypeOf(await connection.request(40, 'whatever')).toBeUnknown()
      expectTypeOf(connection.send(sensor, { place: 'roof' })).toEqualTypeOf<boolean>()
      expectTypeOf(connection.session?.client.name).toEqualTypeOf<string | undefined>()
    }
    expectTypeOf(handler).toBeFunction()
  })
})

describe('attributes', () => {
  it('have the types that a service declares, and take others', () => {
    const handler = ({ connection: { attributes } }: Request): void => {
      expectTypeOf(attributes.typesTestUser).toEqualTypeOf<string | undefined>()
      expectTypeOf(attributes['whatever']).toBeUnknown()
      attributes['whatever'] = 1
    }
    expectTypeOf(handler).toBeFunction()
  })
})
