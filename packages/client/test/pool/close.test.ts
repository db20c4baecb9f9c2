/** Rules of a pool's end, and of those that race with it. */
import { describe, expect, it } from 'vitest'
import { rejectionOf } from '../support.ts'
import { settle, standOf, workshop } from './support.ts'
import type { Thing } from './support.ts'

describe('close', () => {
  it('fails who waits, destroys what is idle now and what is leased at its return, and leaves nothing', async () => {
    const { clock, pool, made } = workshop({ max: 2 })
    const [held, idle] = await Promise.all([pool.acquire(), pool.acquire()])
    const waiting = rejectionOf(pool.acquire())
    await settle()
    const closing = pool.close()
    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED', retryable: false })
    idle.release()
    expect(made[1]?.isDestroyed).toBe(true)
    expect(await standOf(closing)).toBe('pending')
    expect(made[0]?.isDestroyed).toBe(false)
    held.release()
    await closing
    expect(made[0]?.isDestroyed).toBe(true)
    expect(pool.stats).toEqual({ size: 0, leased: 0, creating: 0, waiting: 0 })
    expect(clock.pendingTimers).toBe(0)
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
    await pool.close()
  })

  it('aborts what is being created, and destroys what is created all the same', async () => {
    let finish: ((thing: Thing) => void) | undefined
    let signal: AbortSignal | undefined
    const { clock, pool } = workshop({
      create: (given) => {
        signal = given
        return new Promise((resolve) => {
          finish = resolve
        })
      },
    })
    const waiting = rejectionOf(pool.acquire())
    await settle()
    const closing = pool.close()
    expect(signal?.aborted).toBe(true)
    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
    expect(await standOf(closing)).toBe('pending')
    const late: Thing = { id: 9, isUsable: true, isDestroyed: false }
    finish?.(late)
    await closing
    expect(late.isDestroyed).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('waits for leases no longer than closeTimeoutMs, destroys their items, and says how many', async () => {
    const { clock, pool, made, warnings } = workshop({ closeTimeoutMs: 500 })
    const lease = await pool.acquire()
    const closing = pool.close()
    clock.advance(499)
    expect(await standOf(closing)).toBe('pending')
    clock.advance(1)
    await closing
    expect(made[0]?.isDestroyed).toBe(true)
    expect(warnings).toEqual([{ type: 'close-forced', leases: 1 }])
    lease.release()
    expect(clock.pendingTimers).toBe(0)
  })

  it('waits until the last item is destroyed, whoever has it', async () => {
    const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const { pool } = workshop({ destroy: ({ id }) => ends[id]?.promise })
    const [idle, leased] = await Promise.all([pool.acquire(), pool.acquire()])
    idle.release()
    const closing = pool.close()
    leased.release()
    ends[0]?.resolve()
    expect(await standOf(closing)).toBe('pending')
    ends[1]?.resolve()
    await closing
  })

  it('waits for the only item as well', async () => {
    const end = Promise.withResolvers<void>()
    const { pool } = workshop({ destroy: () => end.promise })
    ;(await pool.acquire()).release()
    const closing = pool.close()
    expect(await standOf(closing)).toBe('pending')
    end.resolve()
    await closing
  })

  it('does not hang on a destroy that does', async () => {
    const { clock, pool } = workshop({ closeTimeoutMs: 500, destroy: () => new Promise<void>(() => {}) })
    ;(await pool.acquire()).release()
    const closing = pool.close()
    await settle()
    clock.advance(500)
    await closing
    expect(clock.pendingTimers).toBe(0)
  })

  it('meets a call that was handed its item but has not gone on: the call fails, the item ends', async () => {
    const { pool, made } = workshop({ max: 1 })
    const held = await pool.acquire()
    const waiting = rejectionOf(pool.acquire())
    await settle()
    // Handed over in this turn; the call goes on behind it.
    held.release()
    const closing = pool.close()
    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
    await closing
    expect(made[0]?.isDestroyed).toBe(true)
  })

  it('meets a call whose item is being checked: the call fails, the item ends once', async () => {
    const answer = Promise.withResolvers<boolean>()
    const { clock, pool, made } = workshop({ max: 1, checkAfterMs: 0, idleTimeoutMs: 0, check: () => answer.promise })
    const call = rejectionOf(pool.acquire())
    await settle()
    clock.advance(1)
    const closing = pool.close()
    answer.resolve(true)
    expect(await call).toMatchObject({ code: 'POOL_CLOSED' })
    await closing
    expect(made[0]?.isDestroyed).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('destroy', () => {
  it('does not wait for leases', async () => {
    const { clock, pool, made } = workshop()
    const lease = await pool.acquire()
    await pool.destroy()
    expect(made[0]?.isDestroyed).toBe(true)
    lease.release()
    await pool.destroy()
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends a close that waits', async () => {
    const { clock, pool } = workshop()
    await pool.acquire()
    const closing = pool.close()
    await pool.destroy()
    await closing
    expect(clock.pendingTimers).toBe(0)
  })
})
