/** Owns the tests of what flows from a task through the types of a service; the compiler holds them. */
import type { RoutesOf } from '@shardwire/protocol'
import {
  defineService,
  defineTask,
  type OffloadOptions,
  route,
  type RouteOptions,
  type Task,
  type TaskContext,
  typed,
} from '@shardwire/server'
import { expectTypeOf, it } from 'vitest'
import { z } from 'zod'

interface Point {
  readonly x: number
}

const ofBytes = defineTask(import.meta, (body: Uint8Array) => body.slice(1))
const ofPoint = defineTask(import.meta, async ({ x }: Point, context: TaskContext) => {
  await Promise.resolve()
  return { left: context.remainingMs(), x }
})
const ofAnything = defineTask(import.meta, () => 'x')

const service = defineService({
  name: 'types',
  routes: {
    bytes: route(1, { body: 'bytes', offload: ofBytes }),
    checked: route(2, { body: z.object({ x: z.coerce.number() }), offload: ofPoint }),
    alone: route(3, { body: typed<Point>(), offload: ofPoint }),
    free: route(4, { offload: ofPoint }),
    none: route(5, { body: 'none', timeoutMs: 10, offload: ofAnything }),
    answered: route(6, { body: typed<Point>(), answer: z.object({ x: z.number() }), offload: ofPoint }),
  },
})
type Routes = RoutesOf<typeof service>

it('a task is the function that it was made of', () => {
  expectTypeOf(ofPoint).toExtend<(body: Point, context: TaskContext) => Promise<{ left: number; x: number }>>()
  expectTypeOf(ofPoint).toExtend<Task<Point>>()
})

it('the answer is what the task returns, the body what its route says, or else what the task takes', () => {
  expectTypeOf<Routes['bytes']['input']>().toEqualTypeOf<Uint8Array>()
  expectTypeOf<Routes['bytes']['answer']>().toExtend<Uint8Array>()
  expectTypeOf<Routes['checked']['input']>().toEqualTypeOf<{ x: unknown }>()
  expectTypeOf<Routes['checked']['answer']>().toEqualTypeOf<{ left: number; x: number }>()
  expectTypeOf<Routes['alone']['input']>().toEqualTypeOf<Point>()
  expectTypeOf<Routes['free']['input']>().toEqualTypeOf<Point>()
  expectTypeOf<Routes['free']['answer']>().toEqualTypeOf<{ left: number; x: number }>()
  expectTypeOf<Routes['none']['answer']>().toEqualTypeOf<string>()
  expectTypeOf<Routes['answered']['answer']>().toEqualTypeOf<{ x: number }>()
})

it('a task for another body, or of another answer, is refused by the compiler', () => {
  expectTypeOf(ofPoint).not.toExtend<OffloadOptions<number>['offload']>()
  expectTypeOf(ofPoint).not.toExtend<OffloadOptions<Uint8Array>['offload']>()
  expectTypeOf(ofAnything).not.toExtend<OffloadOptions<Uint8Array, Uint8Array>['offload']>()
  expectTypeOf<() => number>().not.toExtend<OffloadOptions['offload']>()
  // What has a task leaves nothing to a handler.
  expectTypeOf<OffloadOptions>().not.toExtend<RouteOptions>()
})
