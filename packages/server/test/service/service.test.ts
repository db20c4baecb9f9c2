import { describe, expect, it } from 'vitest'
import { defineTask } from '../../src/offload/task.ts'
import { route } from '../../src/service/route.ts'
import { defineService } from '../../src/service/service.ts'

const nothing = (): undefined => undefined

describe('defineService', () => {
  it('completes routes: msgpack unless told otherwise, bytes answered with bytes', () => {
    const { routes } = defineService({
      name: 'x',
      routes: {
        a: route(1, {}, nothing),
        b: route(2, { body: 'bytes' }, nothing),
        c: route(3, { body: 'none' }, nothing),
      },
    })
    expect(routes.map(({ name, number, body, answer }) => [name, number, body, answer])).toEqual([
      ['a', 1, 'msgpack', 'msgpack'],
      ['b', 2, 'bytes', 'bytes'],
      ['c', 3, 'none', 'msgpack'],
    ])
  })

  it('lists every fault at once, with the names of both places', () => {
    const define = (): unknown =>
      defineService({
        name: 'broken',
        routes: {
          zero: route(0, {}, nothing),
          high: route(4096, {}, nothing),
          one: route(7, {}, nothing),
          two: route(7, {}, nothing),
          late: route(8, { timeoutMs: 0 }, nothing),
          odd: route(10, { body: 'json', answer: 'text' } as object, nothing),
          none: route(9, {}, 'no function' as never),
          plain: route(11, { offload: nothing } as never),
          both: route(12, { offload: defineTask(import.meta, nothing) } as object, nothing),
        },
      })
    expect(define).toThrow(TypeError)
    for (const text of [
      /zero has number 0/,
      /high has number 4096/,
      /one \(.*service\.test\.ts:\d+:\d+\) and two \(.*service\.test\.ts:\d+:\d+\) both have number 7/,
      /late.*timeoutMs 0/,
      /none.*of type string/,
      /plain has offload of type function; expected what defineTask/,
      /both has both a handler and offload/,
      /odd has body "json"/,
      /odd has answer "text"/,
    ]) {
      expect(define).toThrow(text)
    }
  })
})
