/** Owns the tests of finding the first rows of an order, and of pages that follow one another. */
import { withSeed } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import type { Cursor } from '../../../src/admin/inspect/inquiry.ts'
import { compareCursors, Selection } from '../../../src/admin/inspect/selection.ts'

it('pages behind one another are all there is, in order, each once', async () => {
  await withSeed('selection', (random) => {
    for (const ascending of [true, false]) {
      // Few keys: ties are what pages get wrong.
      const all: Cursor[] = Array.from({ length: 500 }, (_, sequence) => {
        return { key: random.integer(0, 20), worker: random.integer(0, 3), sequence }
      })
      const limit = random.integer(1, 40)
      const paged: Cursor[] = []
      for (let after: Cursor | null = null; ; after = paged.at(-1) ?? null) {
        const selection = new Selection<Cursor>(limit, ascending, after)
        for (const item of all) if (selection.wants(item)) selection.add(item)
        const page = selection.take()
        paged.push(...page)
        expect(page.length).toBeLessThanOrEqual(limit)
        if (page.length < limit) break
      }
      expect(paged).toEqual(all.toSorted((a, b) => compareCursors(a, b, ascending)))
    }
  })
})

it('what cannot be in is not wanted, so that nothing is made of it', () => {
  const selection = new Selection<Cursor>(2, false)
  for (let sequence = 0; sequence < 4; sequence++) selection.add({ key: 10, worker: 0, sequence })
  expect(selection.wants({ key: 9, worker: 0, sequence: 9 })).toBe(false)
  expect(selection.wants({ key: 10, worker: 0, sequence: 9 })).toBe(false)
  expect(selection.wants({ key: 11, worker: 0, sequence: 9 })).toBe(true)
})
