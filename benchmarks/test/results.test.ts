import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Children } from '../src/children.ts'
import { caseResult, inRounds } from '../src/context.ts'
import { describeEnvironment } from '../src/environment.ts'
import { resultFile, writeResults } from '../src/result-file.ts'
import { ratioOf, RESULTS_VERSION, resultsSchema, seriesOf } from '../src/results.ts'
import type { CaseResult, Results } from '../src/results.ts'
import { caseText } from '../src/table.ts'
import { Toolchain, Unavailable } from '../src/toolchain.ts'

const SILENT = (): void => undefined
const SHAPE = { group: 'macro', name: 'case', unit: 'frames/s', better: 'higher', notes: [] } as const

function exampleCase(): CaseResult {
  const [ours, theirs] = [seriesOf('ours', [30, 10, 20], { goal: 15 }), seriesOf('theirs', [10, 10, 10])]
  const ratios = [ratioOf(ours, theirs, 'higher', 2.5)]
  return { ...SHAPE, notes: ['a note'], series: [ours, theirs], ratios, missing: [{ name: 'other', reason: 'no Go' }] }
}

describe('the JSON file', () => {
  it('holds what was measured, where, and how, and is read back as it was', () => {
    const directory = mkdtempSync(join(tmpdir(), 'shardwire-results-'))
    try {
      const file = resultFile(join(directory, 'r.json'), new Date())
      const results: Results = {
        version: RESULTS_VERSION,
        environment: describeEnvironment(new Toolchain(new Children())),
        options: { rounds: 3, seconds: null, connections: null, words: ['macro'] },
        interrupted: false,
        cases: [exampleCase()],
      }
      writeResults(file, results)
      expect(resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).toEqual(results)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('is refused before a run where it could not be written', () => {
    expect(() => resultFile(tmpdir(), new Date())).toThrow('this is a directory; name a file')
    expect(() => resultFile(join(tmpdir(), 'no', 'such', 'r.json'), new Date())).toThrow('name another file')
  })
})

describe('the table', () => {
  it('shows medians, the spread, ratios, goals, who is missing and the notes', () => {
    expect(caseText(exampleCase()).split('\n')).toEqual([
      'macro/case: frames/s, more is better, 3 rounds',
      '          median  lowest  highest',
      '  ours        20      10       30  goal 15: reached, but within the spread',
      '  theirs      10      10       10',
      '  ratio          median  lowest  highest',
      '  ours / theirs    2.00    1.00     3.00  goal 2.5: NOT reached, but within the spread',
      '  without other: no Go',
      '  note: a note',
      '',
    ])
  })
})

describe('rounds', () => {
  it('lets contestants take turns', async () => {
    const order: string[] = []
    const contestants = [{ name: 'a' }, { name: 'b' }]
    const { samples } = await inRounds(2, contestants, SILENT, ({ name }, round) => {
      order.push(`${name}${round}`)
      return Promise.resolve(round)
    })
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1'])
    expect([...samples]).toEqual([
      ['a', [0, 1]],
      ['b', [0, 1]],
    ])
  })

  it('go on without one that is unavailable, and its ratios with it', async () => {
    const rounds = await inRounds(2, [{ name: 'a' }, { name: 'b' }], SILENT, ({ name }) => {
      return name === 'b' ? Promise.reject(new Unavailable('no b here')) : Promise.resolve(1)
    })
    const result = caseResult({ ...SHAPE, ratios: [['a', 'b']] }, rounds)
    expect(result.series.map(({ name }) => name)).toEqual(['a'])
    expect(result.ratios).toEqual([])
    expect(result.missing).toEqual([{ name: 'b', reason: 'no b here' }])
  })

  it('stop at a fault of ours', async () => {
    const run = inRounds(1, [{ name: 'a' }], SILENT, () => Promise.reject(new TypeError('a bug')))
    await expect(run).rejects.toThrow('a bug')
  })
})
