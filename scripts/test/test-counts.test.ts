/**
 * The line that CI reads, and what counts as a failure.
 */
import { describe, expect, it } from 'vitest'
import type { TestModule } from 'vitest/node'
import { countTests, describeCounts, parseCounts } from '../test-counts.ts'

/** A test file as the reporter sees it: states of its tests, numbers of errors outside of them. */
function testModule(states: readonly string[], moduleErrors = 0, suiteErrors = 0): TestModule {
  const errors = (count: number) => () => Array.from({ length: count }, () => new Error('x'))
  const module = {
    errors: errors(moduleErrors),
    children: {
      allSuites: () => [{ errors: errors(suiteErrors) }],
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
    },
  }
  return module as unknown as TestModule
}

describe('the line', () => {
  it('names passed and failed, and skipped only when there are any', () => {
    expect(describeCounts({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed')
    expect(describeCounts({ passed: 1, failed: 2, skipped: 3 })).toBe('1 passed, 2 failed, 3 skipped')
  })
})

describe('the count', () => {
  it('adds up the tests of all files by their result', () => {
    const modules = [testModule(['passed', 'failed', 'passed']), testModule(['skipped', 'passed'])]
    expect(countTests(modules, 0)).toEqual({ passed: 3, failed: 1, skipped: 1 })
  })

  it('takes a file that does not load for a failure', () => {
    expect(countTests([testModule([], 1)], 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  it('takes a hook that failed for a failure', () => {
    expect(countTests([testModule(['skipped'], 0, 1)], 0)).toEqual({ passed: 0, failed: 1, skipped: 1 })
  })

  it('takes an error after the tests for a failure', () => {
    expect(countTests([testModule(['passed'])], 1)).toEqual({ passed: 1, failed: 1, skipped: 0 })
  })
})

describe('reading the counts back', () => {
  it('gives what was written', () => {
    const counts = { passed: 1, failed: 2, skipped: 3 }
    expect(parseCounts(JSON.stringify(counts))).toEqual(counts)
  })

  it.each([[''], ['null'], ['{"passed":1,"failed":0}'], ['{"passed":"1","failed":0,"skipped":0}']])(
    'refuses %j',
    (text) => {
      expect(() => parseCounts(text)).toThrow(/whole number|JSON/)
    },
  )
})
