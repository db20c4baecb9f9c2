/** Rules of the pool: who gets what, when, and what is left. */
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { rejectionOf } from '../support.ts'
import { settle, standOf, workshop } from './support.ts'
import type { Thing } from './support.ts'

describe('acquire', () => {
  it('creates one at the first call and gives the same to the next', async () => {
    const { pool, made } = workshop()
    const first = await pool.acquire()
    expect(first.item.id).toBe(0)
    first.release()
    const second = await pool.acquire()
    expect(second.item.id).toBe(0)
    second.release()
    expect(made).toHaveLength(1)
    await pool.close()
  })

  it('gives an item to one taker at a time, and creates up to max', async () => {
    const { pool, made } = workshop({ max: 2 })
    const leases = await Promise.all([pool.acquire(), pool.acquire()])
    expect(new Set(leases.map(({ item }) => item.id)).size).toBe(2)
    const third = pool.acquire()
    expect(await standOf(third)).toBe('pending')
    expect(pool.stats).toEqual({ size: 2, leased: 2, creating: 0, waiting: 1 })
    leases[1]?.release()
    expect((await third).item).toBe(made[1])
    await pool.destroy()
  })

  it('serves those who wait in the order in which they came, and nobody overtakes them', async () => {
    const { pool } = workshop({ max: 1 })
    const order: number[] = []
    const held = await pool.acquire()
    const takers = [1, 2, 3].map(async (taker) => {
      using lease = await pool.acquire()
      order.push(taker)
      void lease
      await settle()
    })
    await settle()
    held.release()
    const late = pool.acquire()
    await Promise.all(takers)
    ;(await late).release()
    expect(order).toEqual([1, 2, 3])
    await pool.close()
  })

  it('waits no longer than asked, and leaves no timer', async () => {
    const { clock, pool } = workshop({ max: 1, acquireTimeoutMs: 700 })
    const held = await pool.acquire()
    const short = rejectionOf(pool.acquire({ timeoutMs: 100 }))
    const usual = rejectionOf(pool.acquire())
    await settle()
    clock.advance(100)
    const error = { code: 'ACQUIRE_TIMEOUT', retryable: true, handler: 'did not run' }
    expect(await short).toMatchObject({ ...error, message: 'none of 1 items came free within 100 ms' })
    clock.advance(600)
    expect(await usual).toMatchObject(error)
    expect(pool.stats.waiting).toBe(0)
    held.release()
    await pool.close()
    expect(clock.pendingTimers).toBe(0)
  })

  it('takes no time that no timer could keep, and with none at all does not wait', async () => {
    const { pool } = workshop({ max: 1 })
    const held = await pool.acquire()
    for (const timeoutMs of [Infinity, -1, 0.5, Number.NaN, 2 ** 31]) {
      expect(await rejectionOf(pool.acquire({ timeoutMs }))).toMatchObject({
        code: 'INVALID_OPTION',
        message: `timeoutMs: expected an integer from 0 to 2147483647, got ${timeoutMs}`,
      })
    }
    expect(await rejectionOf(pool.acquire({ timeoutMs: 0 }))).toMatchObject({ code: 'ACQUIRE_TIMEOUT' })
    held.release()
    ;(await pool.acquire({ timeoutMs: 0 })).release()
    await pool.close()
  })

  it('ends by its signal, before and while it waits, and leaves no listener', async () => {
    const { pool } = workshop({ max: 1 })
    const held = await pool.acquire()
    const controller = new AbortController()
    const waiting = rejectionOf(pool.acquire({ signal: controller.signal }))
    await settle()
    controller.abort('enough')
    expect(await waiting).toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    held.release()
    await expect(pool.acquire({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(pool.stats.leased).toBe(0)
    await pool.close()
  })

  it('is refused at once when too many wait', async () => {
    const { pool } = workshop({ max: 1, waitersMax: 2 })
    const held = await pool.acquire()
    const waiting = [pool.acquire(), pool.acquire()]
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'TOO_MANY_WAITING',
      message: '2 calls wait for one of 1 items already',
    })
    held.release()
    for (const lease of waiting) (await lease).release()
    await pool.close()
  })

  it('rejects with what create rejects with, one call for one creation, and goes on for the others', async () => {
    const { pool, creations, made } = workshop({ max: 1, holdsCreations: true })
    const calls = [rejectionOf(pool.acquire()), pool.acquire()]
    await settle()
    expect(creations).toHaveLength(1)
    creations[0]?.reject(new Error('no luck'))
    expect(await calls[0]).toMatchObject({ message: 'no luck' })
    await settle()
    creations[1]?.resolve()
    expect(await calls[1]).toMatchObject({ item: made[0] })
    await pool.destroy()
  })

  it('gives the item that was used last, so that the others can grow idle', async () => {
    const { clock, pool } = workshop()
    const [first, second] = await Promise.all([pool.acquire(), pool.acquire()])
    second.release()
    clock.advance(1)
    first.release()
    expect((await pool.acquire()).item.id).toBe(0)
    await pool.destroy()
  })
})

describe('await using', () => {
  it('gives back on every path: at the end, by return, by throw', async () => {
    const { pool } = workshop({ max: 1 })
    const byReturn = async (): Promise<number> => {
      await using lease = await pool.acquire()
      return lease.item.id
    }
    const byThrow = async (): Promise<void> => {
      await using lease = await pool.acquire()
      throw new Error(`with ${lease.item.id}`)
    }
    expect(await byReturn()).toBe(0)
    await expect(byThrow()).rejects.toThrow('with 0')
    expect(pool.stats).toEqual({ size: 1, leased: 0, creating: 0, waiting: 0 })
    await pool.close()
  })

  it('destroys what the body broke, and the next gets another', async () => {
    const { pool, made } = workshop({ max: 1 })
    {
      await using lease = await pool.acquire()
      lease.item.isUsable = false
    }
    expect(made[0]?.isDestroyed).toBe(true)
    expect((await pool.acquire()).item.id).toBe(1)
    await pool.destroy()
  })
})

describe('a lease', () => {
  it('ends once, and its item cannot be reached through it any more', async () => {
    const { pool } = workshop({ max: 1 })
    const lease = await pool.acquire()
    lease.release()
    const next = await pool.acquire()
    lease.release()
    lease.discard()
    await lease[Symbol.asyncDispose]()
    expect(pool.stats.leased).toBe(1)
    expect(next.item.isDestroyed).toBe(false)
    expect(() => lease.item).toThrow(expect.objectContaining({ code: 'LEASE_ENDED' }) as Error)
    expect(() => lease.item).toThrow('pool.test.ts')
    await pool.destroy()
  })

  it('that is discarded is replaced for whoever waits', async () => {
    const { pool, made } = workshop({ max: 1 })
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    await settle()
    lease.discard()
    expect((await waiting).item.id).toBe(1)
    expect(made[0]?.isDestroyed).toBe(true)
    await pool.destroy()
  })
})

describe('the health check', () => {
  const idle = { max: 1, checkAfterMs: 100, idleTimeoutMs: 0 }

  it('is made of what was idle for long, and what fails it is replaced unseen', async () => {
    const asked: number[] = []
    const check = async (thing: Thing): Promise<boolean> => {
      asked.push(thing.id)
      return thing.id > 0
    }
    const { clock, pool, made } = workshop({ ...idle, check })
    ;(await pool.acquire()).release()
    clock.advance(99)
    ;(await pool.acquire()).release()
    expect(asked).toEqual([])
    clock.advance(100)
    expect((await pool.acquire()).item.id).toBe(1)
    expect(asked).toEqual([0])
    expect(made[0]?.isDestroyed).toBe(true)
    await pool.destroy()
  })

  it('that throws is told, and counts as failed', async () => {
    const error = new Error('no pulse')
    const { clock, pool, warnings } = workshop({
      ...idle,
      check: () => {
        throw error
      },
    })
    ;(await pool.acquire()).release()
    clock.advance(100)
    expect((await pool.acquire()).item.id).toBe(1)
    expect(warnings).toEqual([{ type: 'check-failed', error }])
    await pool.destroy()
  })

  it('that hangs costs the call its time and the pool its item, and is told to stop', async () => {
    const signals: AbortSignal[] = []
    const { clock, pool, made } = workshop({
      ...idle,
      check: (_thing, signal) => {
        signals.push(signal)
        return new Promise<boolean>(() => {})
      },
    })
    ;(await pool.acquire()).release()
    clock.advance(100)
    const call = rejectionOf(pool.acquire({ timeoutMs: 50 }))
    await settle()
    clock.advance(50)
    expect(await call).toMatchObject({ code: 'ACQUIRE_TIMEOUT' })
    expect(signals[0]?.aborted).toBe(true)
    expect(made[0]?.isDestroyed).toBe(true)
    await pool.close()
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not hide a death between it and the lease', async () => {
    const { clock, pool } = workshop({
      ...idle,
      check: (thing) => {
        thing.isUsable = false
        return true
      },
    })
    ;(await pool.acquire()).release()
    clock.advance(100)
    expect((await pool.acquire()).item.id).toBe(1)
    await pool.destroy()
  })

  it('ends with the signal of its call', async () => {
    const { clock, pool } = workshop({ ...idle, check: () => new Promise<boolean>(() => {}) })
    ;(await pool.acquire()).release()
    clock.advance(100)
    const controller = new AbortController()
    const call = rejectionOf(pool.acquire({ signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await call).toMatchObject({ code: 'ABORTED' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    await pool.close()
  })
})

describe('items', () => {
  it('are made up to min at once, and again when one is lost', async () => {
    const { clock, pool, made } = workshop({ min: 2, idleTimeoutMs: 5000 })
    await settle()
    expect(made).toHaveLength(2)
    const [lost] = made
    if (lost !== undefined) lost.isUsable = false
    clock.advance(1000)
    await settle()
    expect(made).toHaveLength(3)
    expect(lost?.isDestroyed).toBe(true)
    clock.advance(60_000)
    expect(pool.stats.size).toBe(2)
    await pool.close()
  })

  it('that nobody uses are destroyed after the idle timeout, those used last at last', async () => {
    const { clock, pool, made } = workshop({ min: 1, idleTimeoutMs: 5000 })
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()])
    leases[2]?.release()
    clock.advance(1000)
    leases[0]?.release()
    leases[1]?.release()
    clock.advance(4000)
    expect(made.map(({ isDestroyed }) => isDestroyed)).toEqual([false, false, true])
    clock.advance(10_000)
    expect(made.filter(({ isDestroyed }) => !isDestroyed)).toHaveLength(1)
    await pool.close()
  })

  it('are replaced at their age, each a tenth earlier or later, and one in use when it comes back', async () => {
    const draws = [0, 1]
    const { clock, pool, made } = workshop({ maxAgeMs: 10_000, idleTimeoutMs: 0, random: () => draws.shift() ?? 0.5 })
    const [early, late] = await Promise.all([pool.acquire(), pool.acquire()])
    late.release()
    clock.advance(9000)
    expect(made.map(({ isDestroyed }) => isDestroyed)).toEqual([false, false])
    early.release()
    expect(made.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false])
    clock.advance(1000)
    expect(made[1]?.isDestroyed).toBe(false)
    clock.advance(1000)
    expect(made[1]?.isDestroyed).toBe(true)
    await pool.close()
  })

  it('in use at their age count until they are given back, and make room for who waits', async () => {
    const { clock, pool, made } = workshop({ max: 1, maxAgeMs: 10_000, acquireTimeoutMs: 60_000 })
    const held = await pool.acquire()
    const waiting = pool.acquire()
    await settle()
    clock.advance(20_000)
    await settle()
    expect(made).toHaveLength(1)
    held.release()
    expect((await waiting).item.id).toBe(1)
    expect(made[0]?.isDestroyed).toBe(true)
    await pool.destroy()
  })

  it('of the minimum are replaced before they go', async () => {
    const { clock, pool, made, creations } = workshop({
      min: 1,
      maxAgeMs: 10_000,
      idleTimeoutMs: 0,
      holdsCreations: true,
    })
    creations[0]?.resolve()
    await settle()
    clock.advance(10_000)
    expect(creations).toHaveLength(2)
    expect(made[0]?.isDestroyed).toBe(false)
    creations[1]?.resolve()
    await settle()
    expect(made.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false])
    await pool.close()
  })

  it('whose destroy fails are gone all the same, and it is told', async () => {
    const error = new Error('stuck')
    const { pool, warnings } = workshop({ destroy: () => Promise.reject(error) })
    ;(await pool.acquire()).discard()
    await settle()
    expect(warnings).toEqual([{ type: 'destroy-failed', error }])
    expect(pool.stats.size).toBe(0)
    await pool.close()
  })

  it('that cannot be created for the minimum are tried again each second, and it is told once', async () => {
    let attempts = 0
    const error = new Error('refused')
    const create = async (): Promise<Thing> => {
      if (attempts++ < 3) throw error
      return { id: 7, isUsable: true, isDestroyed: false }
    }
    const { clock, pool, warnings } = workshop({ min: 1, create })
    for (let second = 0; second < 3; second++) {
      await settle()
      clock.advance(1000)
    }
    await settle()
    expect(warnings).toEqual([{ type: 'create-failed', error }])
    expect((await pool.acquire()).item.id).toBe(7)
    await pool.destroy()
  })
})
