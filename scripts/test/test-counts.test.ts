/**
 * The line that CI reads, and what counts as a failure.
 */
import { describe, expect, it } from 'vitest'
import type { TestModule } from 'vitest/node'
import { countTests, describeCounts, parseReport, takeCounts } from '../test-counts.ts'

/** A test file as the reporter sees it: states of its tests, numbers of errors outside of them. */
function testModule(states: readonly string[], moduleErrors = 0, suiteErrors = 0): TestModule {
  const errors = (count: number) => () => Array.from({ length: count }, () => new Error('x'))
  const module = {
    moduleId: `${process.cwd()}/packages/a.test.ts`,
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
    expect(countTests(modules, 0)).toMatchObject({ passed: 3, failed: 1, skipped: 1 })
  })

  it('has each file with a failure by itself, by its path from the root', () => {
    const { failedFiles } = countTests([testModule(['passed', 'failed', 'skipped']), testModule(['passed'])], 0)
    expect(failedFiles).toEqual({ 'packages/a.test.ts': { passed: 1, failed: 1, skipped: 1 } })
  })

  it('is what it was once a part is taken from it', () => {
    const whole = { passed: 5, failed: 2, skipped: 1 }
    expect(takeCounts(whole, { passed: 1, failed: 2, skipped: 0 })).toEqual({ passed: 4, failed: 0, skipped: 1 })
  })

  it('takes a file that does not load for a failure', () => {
    expect(countTests([testModule([], 1)], 0)).toMatchObject({ passed: 0, failed: 1, skipped: 0 })
  })

  it('takes a hook that failed for a failure', () => {
    expect(countTests([testModule(['skipped'], 0, 1)], 0)).toMatchObject({ passed: 0, failed: 1, skipped: 1 })
  })

  it('takes an error after the tests for a failure', () => {
    expect(countTests([testModule(['passed'])], 1)).toMatchObject({ passed: 1, failed: 1, skipped: 0, failedFiles: {} })
  })
})

describe('reading the counts back', () => {
  it('gives what was written', () => {
    const failedFiles = { 'a.test.ts': { passed: 1, failed: 2, skipped: 0 } }
    const report = { passed: 1, failed: 2, skipped: 3, failedFiles }
    expect(parseReport(JSON.stringify(report))).toEqual(report)
  })

  it.each([
    [''],
    ['null'],
    ['{"passed":1,"failed":0,"failedFiles":{}}'],
    ['{"passed":1,"failed":0,"skipped":0}'],
    ['{"passed":"1","failed":0,"skipped":0,"failedFiles":{}}'],
    ['{"passed":1,"failed":1,"skipped":0,"failedFiles":{"a.test.ts":{"passed":1}}}'],
  ])('refuses %j', (text) => {
    expect(() => parseReport(text)).toThrow(/whole number|an object|JSON/)
  })
})
