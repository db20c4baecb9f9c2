/** Every case of the micro group runs and returns what its result asks for. Nothing is timed. */
import { describe, expect, it } from 'vitest'
import { MICRO_CASES } from '../src/micro/cases.ts'
import { measure } from '../src/micro/loop.ts'
import { microResult } from '../src/micro/micro-case.ts'
import { caseSchema } from '../src/results.ts'

describe('the micro group', () => {
  it.each(MICRO_CASES)('$name gives a result of every variant', (micro) => {
    const variants = micro.build()
    const result = caseSchema.parse(microResult(micro, measure(variants, 1, 1e-6)))
    expect(result.series.map(({ name }) => name)).toEqual(variants.map(({ name }) => name))
    expect(result.ratios).toHaveLength(micro.ratios.length)
  })

  it('hands out a sum that depends on every run', () => {
    const one = { name: 'one', operations: 1, run: () => 1 }
    const { checksum, variants } = measure([one], 2, 1e-9)
    // Four turns of warm-up, of which the first has 50 runs, then two rounds and the count of allocation.
    expect(checksum).toBeGreaterThanOrEqual(50)
    expect(variants[0]?.nsPerOperation).toHaveLength(2)
  })
})
