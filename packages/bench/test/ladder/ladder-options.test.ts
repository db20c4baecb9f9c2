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
  ['the last of --steps is the top, without --to', ['--steps', '50,200'], [50, 200]],
  ['--to comes after them', ['--steps', '50,200', '--to', '1000'], [50, 200, 1000]],
  ['--to may be the last of them', ['--steps', '50,200', '--to', '200'], [50, 200]],
  ['steps may go beyond what the top is by default', ['--steps', '50000'], [50_000]],
  ['without either the top is 10 000', [], stepsTo(10_000)],
])('%s', (_rule, args, steps) => {
  const parsed = parseCommand('ladder', LADDER_FLAGS, args, { check: ladderProblems })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  expect(ladderOptionsOf(parsed.values).steps).toEqual(steps)
})

test.each([
  [['--steps', '5,5']],
  [['--steps', '10,2']],
  [['--steps', '0']],
  [['--steps', '5000', '--to', '100']],
  [['--connect-rate', 'fast']],
  [['--to', '0']],
])('%o is refused', (args) => {
  expect(parseCommand('ladder', LADDER_FLAGS, args, { check: ladderProblems }).ok).toBe(false)
})
