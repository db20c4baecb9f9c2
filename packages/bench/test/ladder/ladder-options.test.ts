import { expect, test } from 'vitest'

import { parseCommand } from '../../src/commands/command.ts'
import { LADDER_FLAGS, ladderOptionsOf, ladderProblems, stepsTo } from '../../src/ladder/ladder-options.ts'

test.each([
  [1_000_000, [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]],
  [60_000, [1000, 2000, 5000, 10_000, 20_000, 50_000, 60_000]],
  [250_000, [5000, 10_000, 20_000, 50_000, 100_000, 200_000, 250_000]],
  [900, [900]],
])('to %i goes by 1, 2 and 5 over two powers of ten', (last, steps) => {
  expect(stepsTo(last)).toEqual(steps)
})

test('steps that are given end at the top', () => {
  const parsed = parseCommand('ladder', LADDER_FLAGS, ['--steps', '5,70', '--to', '100'], { check: ladderProblems })
  if (!parsed.ok) throw new Error('not parsed')
  expect(ladderOptionsOf(parsed.values).steps).toEqual([5, 70, 100])
})

test.each([
  [['--steps', '5,5']],
  [['--steps', '10,2']],
  [['--steps', '0']],
  [['--steps', '5000', '--to', '100']],
  [['--connect-rate', 'fast']],
])('%o is refused', (args) => {
  expect(parseCommand('ladder', LADDER_FLAGS, args, { check: ladderProblems }).ok).toBe(false)
})
