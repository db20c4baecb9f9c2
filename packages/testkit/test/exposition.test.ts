/** Owns the tests of the strict reader of Prometheus' text format: what it takes, and what it must not let pass. */
import { describe, expect, it } from 'vitest'
import { parseExposition, sampleOf, shrunkCounters } from '../src/index.ts'

const HISTOGRAM = `# HELP a_seconds How long.
# TYPE a_seconds histogram
a_seconds_bucket{x="y",le="0.1"} 1
a_seconds_bucket{x="y",le="+Inf"} 3
a_seconds_sum{x="y"} 0.5
a_seconds_count{x="y"} 3
`
const COUNTER = '# HELP b_total Many.\n# TYPE b_total counter\n'

describe('the exposition format', () => {
  it('is read', () => {
    const families = parseExposition(`${HISTOGRAM}${COUNTER}b_total{p="a\\"\\\\\\n"} 1e3\n`)
    expect([...families.keys()]).toEqual(['a_seconds', 'b_total'])
    expect(sampleOf(families, 'b_total', { p: 'a"\\\n' })).toBe(1000)
    expect(sampleOf(families, 'a_seconds_bucket', { le: '+Inf' })).toBe(3)
  })

  it.each([
    ['no end of the last line', `${COUNTER}b_total 1`],
    ['a sample before its HELP', 'b_total 1\n'],
    ['a sample of another metric', `${COUNTER}c_total 1\n`],
    ['a metric twice', `${COUNTER}b_total 1\n${COUNTER}b_total 1\n`],
    ['the same labels twice', `${COUNTER}b_total{x="1"} 1\nb_total{x="1"} 2\n`],
    ['a label twice', `${COUNTER}b_total{x="1",x="2"} 1\n`],
    ['a bare quote in a label', `${COUNTER}b_total{x="a"b"} 1\n`],
    ['a value that is none', `${COUNTER}b_total one\n`],
    ['a counter without _total', '# HELP b Many.\n# TYPE b counter\nb 1\n'],
    ['a gauge with _total', '# HELP b_total Many.\n# TYPE b_total gauge\nb_total 1\n'],
    ['no help', '# HELP b \n# TYPE b gauge\nb 1\n'],
    ['no type', '# HELP b Some.\nb 1\n'],
    ['milliseconds', '# HELP b_milliseconds Some.\n# TYPE b_milliseconds gauge\nb_milliseconds 1\n'],
    ['no samples', COUNTER],
    ['buckets that go down', HISTOGRAM.replace('le="0.1"} 1', 'le="0.1"} 4')],
    ['a count that is another', HISTOGRAM.replace('count{x="y"} 3', 'count{x="y"} 2')],
    ['no bucket for all', HISTOGRAM.replace('+Inf', '5')],
  ])('with %s is refused', (_, text) => {
    expect(() => parseExposition(text)).toThrow(/^(line \d+: |the last line|b\w*: |a_seconds: )/)
  })

  it('tells which counters went down, or went away', () => {
    const before = parseExposition(`${COUNTER}b_total{x="1"} 5\nb_total{x="2"} 5\nb_total{x="3"} 5\n`)
    const after = parseExposition(`${COUNTER}b_total{x="1"} 5\nb_total{x="2"} 4\n`)
    expect(shrunkCounters(before, after)).toEqual(['b_total{x="2"} was 5 and is 4', 'b_total{x="3"} was 5 and is gone'])
  })
})
