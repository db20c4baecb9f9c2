/** Owns the proof that the middleware of the package makes no promise where nothing behind it does. */
import { FakeClock } from '@shardwire/testkit'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { authorize } from '../../src/middleware/authorize.ts'
import { logging } from '../../src/middleware/logging.ts'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { timing } from '../../src/middleware/timing.ts'
import type { Middleware } from '../../src/service/middleware.ts'
import type { Request } from '../../src/service/request.ts'

const clock = new FakeClock()
const request = { route: 'any', connection: {}, log: pino({ level: 'silent' }) } as unknown as Request

const ALL: Readonly<Record<string, Middleware>> = {
  logging: logging({ clock }),
  timing: timing(() => undefined, { clock }),
  rateLimit: rateLimit({ perSecond: 1000, clock }),
  authorize: authorize(() => true),
}

describe.each(Object.entries(ALL))('%s', (_, middleware) => {
  it('gives back what the handler returned, promise or not, and throws what it threw', async () => {
    const error = new Error('no')
    const fail = (): never => {
      throw error
    }
    expect(middleware(request, () => 7)).toBe(7)
    expect(await middleware(request, async () => Promise.resolve(7))).toBe(7)
    expect(() => middleware(request, fail)).toThrow(error)
    await expect(middleware(request, async () => fail())).rejects.toBe(error)
  })
})
