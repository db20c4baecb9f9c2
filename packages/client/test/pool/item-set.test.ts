/** Rules of which item is next. */
import { FakeClock, withSeed } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { ItemSet } from '../../src/pool/item-set.ts'
import type { Entry } from '../../src/pool/item-set.ts'

interface Thing {
  isUsable: boolean
}

const ITEMS = 6
const STEPS = 3000

function createSet(clock: FakeClock, leasesMax: number): ItemSet<Thing> {
  const nothing = (): void => {}
  return new ItemSet<Thing>(
    {
      ...{ min: 0, max: ITEMS, creatingMax: ITEMS, leasesMax, idleTimeoutMs: 0, maxAgeMs: 0, clock, random: () => 0.5 },
      create: async () => ({ isUsable: true }),
      destroy: nothing,
      isUsable: (thing) => thing.isUsable,
    },
    { onAvailable: nothing, onCreateFailed: nothing, onDestroyFailed: nothing },
  )
}

async function filled(set: ItemSet<Thing>, count: number): Promise<void> {
  set.grow(count)
  while (set.creating > 0) await Promise.resolve()
}

/** What may be taken, looked for among all. */
function leastOf(set: ItemSet<Thing>, leasesMax: number): Entry<Thing>[] {
  const free = set.entries.filter(({ item, isRetired, leases }) => item.isUsable && !isRetired && leases < leasesMax)
  const least = Math.min(...free.map(({ leases }) => leases))
  return free.filter(({ leases }) => leases === least)
}

it('gives one that has the fewest leases, whatever came before', async () => {
  await withSeed('items', async (random) => {
    for (const leasesMax of [1, 3, Infinity]) {
      const clock = new FakeClock()
      const set = createSet(clock, leasesMax)
      await filled(set, ITEMS)
      const taken: Entry<Thing>[] = []
      for (let step = 0; step < STEPS; step++) {
        const kind = random.next()
        // Now more is taken, now more is given back.
        if (kind < (step % 200 < 100 ? 0.6 : 0.3)) {
          const least = leastOf(set, leasesMax)
          const entry = set.take()
          if (least.length === 0) expect(entry).toBeUndefined()
          else expect(least).toContain(entry)
          if (entry !== undefined) taken.push(entry)
        } else if (kind < 0.9 && taken.length > 0) {
          const [entry] = taken.splice(random.integer(0, taken.length - 1), 1)
          if (entry !== undefined) set.give(entry)
        } else if (kind < 0.96) {
          const { item } = random.pick([...set.entries, { item: { isUsable: true } }])
          item.isUsable = !item.isUsable
        } else if (kind < 0.97) {
          const entry = random.pick([...set.entries, undefined])
          if (entry !== undefined) set[random.pick(['retire', 'drop'] as const)](entry)
          await filled(set, 1)
        } else clock.advance(1)
      }
      for (const entry of taken) set.give(entry)
      expect(set.entries.map(({ leases }) => leases)).toEqual(set.entries.map(() => 0))
    }
  })
})

it('gives of those without a lease the one that was used last, so that the others grow idle', async () => {
  const clock = new FakeClock()
  const set = createSet(clock, Infinity)
  await filled(set, ITEMS)
  const [one, two, three] = [set.take(), set.take(), set.take()]
  for (const entry of [three, one, two]) {
    clock.advance(10)
    if (entry !== undefined) set.give(entry)
  }
  expect([set.take(), set.take(), set.take()]).toEqual([two, one, three])
})

it('finds one that has become usable without anybody telling', async () => {
  const set = createSet(new FakeClock(), Infinity)
  await filled(set, 2)
  const [one, other] = set.entries
  if (one === undefined || other === undefined) throw new Error('two were created')
  one.item.isUsable = false
  expect([set.take(), set.take(), set.take()]).toEqual([other, other, other])
  one.item.isUsable = true
  expect([set.take(), set.take(), set.take()]).toEqual([one, one, one])
  expect([one.leases, other.leases]).toEqual([3, 3])
})
