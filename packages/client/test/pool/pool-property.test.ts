/** Whatever callers, creations and deaths do, in whatever order: limits hold, each call ends once, nothing stays. */
import { Random, withSeed } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import type { Lease } from '../../src/index.ts'
import { settle, workshop } from './support.ts'
import type { Thing } from './support.ts'

const RUNS = 60
const STEPS = 120

class Tally {
  readonly leases: Lease<Thing>[] = []
  begun = 0
  ended = 0
}

async function run(random: Random): Promise<void> {
  const max = random.integer(1, 4)
  const waitersMax = random.integer(0, 6)
  const shop = workshop({
    max,
    min: random.integer(0, max),
    waitersMax,
    holdsCreations: true,
    idleTimeoutMs: random.pick([0, 2000]),
    maxAgeMs: random.pick([0, 3000]),
    checkAfterMs: random.pick([0, 500]),
    check: (thing) => settle().then(() => thing.id % 5 !== 3),
  })
  const { clock, pool, creations, made } = shop
  const tally = new Tally()
  const steps: (() => void)[] = [
    () => acquire(),
    () => acquire(),
    () => take(tally.leases, random)?.release(),
    () => take(tally.leases, random)?.discard(),
    () => creations.pop()?.resolve(),
    () => creations.pop()?.resolve(),
    () => creations.pop()?.reject(new Error('no luck')),
    () => clock.advance(random.integer(0, 1500)),
    () => {
      const thing = random.pick([...made, undefined])
      if (thing !== undefined) thing.isUsable = false
    },
  ]
  const acquire = (): void => {
    const controller = new AbortController()
    if (random.next() < 0.2) controller.abort()
    tally.begun++
    void pool.acquire({ timeoutMs: random.integer(1, 2000), signal: controller.signal }).then(
      (lease) => {
        tally.ended++
        // One lease of an item at a time.
        expect(tally.leases.filter((other) => other.item === lease.item)).toEqual([])
        tally.leases.push(lease)
      },
      () => tally.ended++,
    )
    if (random.next() < 0.2) controller.abort()
  }
  for (let step = 0; step < STEPS; step++) {
    random.pick(steps)()
    if (random.next() < 0.7) await settle()
    expect(pool.stats.waiting).toBeLessThanOrEqual(waitersMax)
    expect(made.filter(({ isUsable, isDestroyed }) => isUsable && !isDestroyed).length).toBeLessThanOrEqual(max)
  }
  const closing = pool.close()
  for (const lease of tally.leases) lease.release()
  for (const creation of creations) creation.resolve()
  await settle()
  await settle()
  for (const lease of tally.leases) lease.release()
  await closing
  expect(tally.ended).toBe(tally.begun)
  expect(made.filter(({ isDestroyed }) => !isDestroyed)).toEqual([])
  expect(shop.warnings.filter(({ type }) => type !== 'create-failed')).toEqual([])
  expect(clock.pendingTimers).toBe(0)
}

function take(leases: Lease<Thing>[], random: Random): Lease<Thing> | undefined {
  return leases.splice(random.integer(0, Math.max(0, leases.length - 1)), 1)[0]
}

it('keeps its limits, ends each call once, and leaves nothing', async () => {
  await withSeed('pool', async (random) => {
    for (let round = 0; round < RUNS; round++) await run(random)
  })
})
