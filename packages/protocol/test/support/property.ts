/**
 * Owns how properties run: how often, and with which seed.
 * Must not know: any property.
 * Invariant: the seed is printed before the run and taken from SHARDWIRE_TEST_SEED where that is set.
 */
import { testSeed } from '@shardwire/testkit'
import fc from 'fast-check'

/** Parameters of `fc.assert` for the property `name`. */
export function propertyRuns(name: string, numRuns: number): { seed: number; numRuns: number } {
  return { seed: testSeed(name).seed | 0, numRuns }
}

/** Any JSON-like value that a msgpack body can say, with binary and dates. */
export function bodyValues(): fc.Arbitrary<unknown> {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5, withCrossShrink: true }, tie('scalar'), tie('list'), tie('map')),
    scalar: fc.oneof(
      fc.constantFrom(null, true, false, NaN, Infinity),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noInteger: true }),
      text,
      fc.uint8Array({ maxLength: 40 }),
      fc.date({ noInvalidDate: true, max: new Date(8.64e15 - 1000) }),
    ),
    list: fc.array(tie('value'), { maxLength: 20 }),
    map: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  }))
  return value
}
