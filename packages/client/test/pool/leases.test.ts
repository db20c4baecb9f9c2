/** Rules of leases that their takers forget: who is told, of what, and what becomes of the item. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { Lease, Pool } from '../../src/index.ts'
import { settle, workshop } from './support.ts'
import type { Thing } from './support.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Keeps its lease in a field, as a user's object does. */
class Keeper {
  lease: Lease<Thing> | undefined

  async take(pool: Pool<Thing>): Promise<void> {
    this.lease = await pool.acquire()
  }
}

describe('a lease that is held for too long', () => {
  it('is told once, with the place where it was taken', async () => {
    const { clock, pool, warnings } = workshop({ leaseWarnMs: 10_000 })
    const takeTooLong = async (): Promise<Lease<Thing>> => await pool.acquire()
    const lease = await takeTooLong()
    clock.advance(9000)
    expect(warnings).toEqual([])
    clock.advance(60_000)
    expect(warnings).toEqual([
      { type: 'lease-held', heldMs: 10_000, takenAt: expect.stringMatching(/^ +at takeTooLong .*leases\.test\.ts/) },
    ])
    lease.release()
    await pool.close()
  })

  it('is not told where the limit is 0', async () => {
    const { clock, pool, warnings } = workshop({ leaseWarnMs: 0 })
    const lease = await pool.acquire()
    clock.advance(1_000_000)
    expect(warnings).toEqual([])
    lease.release()
    await pool.close()
  })
})

describe('a lease that is lost', () => {
  const lose = async (pool: Pool<Thing>): Promise<void> => {
    await pool.acquire()
  }
  const loseByField = async (pool: Pool<Thing>): Promise<void> => {
    await new Keeper().take(pool)
  }

  it.each([
    ['nobody kept', lose],
    ['an object kept that is itself lost', loseByField],
  ])('is told with its place, and its item is destroyed and replaced: one that %s', async (_what, take) => {
    const { clock, pool, made, warnings } = workshop({ max: 1, leaseWarnMs: 0 })
    await take(pool)
    const waiting = pool.acquire({ timeoutMs: 100_000 })
    // The stack of a lease that lasts is made into text, which lets go of whom it names.
    clock.advance(1000)
    await eventually(
      () => {
        collectGarbage()
        return warnings.length > 0
      },
      () => 'no lease was lost',
    )
    expect(warnings).toEqual([
      { type: 'lease-lost', heldMs: 1000, takenAt: expect.stringMatching(/^ +at .*leases\.test\.ts/) },
    ])
    expect(made[0]?.isDestroyed).toBe(true)
    const next = await waiting
    expect(next.item.id).toBe(1)
    next.release()
    await pool.close()
  })

  it('is not what was given back', async () => {
    const { pool, warnings } = workshop()
    await (async () => {
      await using lease = await pool.acquire()
      return lease.item.id
    })()
    for (let round = 0; round < 3; round++) {
      collectGarbage()
      await settle()
    }
    expect(warnings).toEqual([])
    await pool.close()
  })
})

it('says warnings as warnings of the process unless told otherwise', async () => {
  const warned = Promise.withResolvers<Error>()
  process.once('warning', warned.resolve)
  const { clock, pool } = workshop({ leaseWarnMs: 1000, onWarning: undefined })
  const lease = await pool.acquire()
  clock.advance(1000)
  expect(await warned.promise).toMatchObject({
    name: 'ShardwireWarning',
    code: 'lease-held',
    message: expect.stringMatching(/^a lease was not given back for 1000 ms; it was taken\n +at .*leases\.test\.ts/),
  })
  lease.release()
  await pool.close()
})
