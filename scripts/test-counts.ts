/**
 * Owns the numbers of a test run: a vitest reporter that counts, and the line that they are printed as.
 * Writes its counts to the file that COUNTS_FILE_VARIABLE names, and nothing when that is not set (vitest run by hand).
 */
import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/** Without the prefix of our own variables: the daemons that tests start refuse any of those that they do not know. */
export const COUNTS_FILE_VARIABLE = 'TEST_COUNTS_FILE'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const NO_TESTS: TestCounts = { passed: 0, failed: 0, skipped: 0 }

/** The counts of two runs together. */
export function addCounts(one: TestCounts, other: TestCounts): TestCounts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  }
}

/** The line that CI reads: `N passed, N failed`, and `, N skipped` when there are any. */
export function describeCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** @throws {Error} when the text is not what this reporter writes */
export function parseCounts(text: string): TestCounts {
  const value: unknown = JSON.parse(text)
  return { passed: countIn(value, 'passed'), failed: countIn(value, 'failed'), skipped: countIn(value, 'skipped') }
}

function countIn(value: unknown, name: keyof TestCounts): number {
  const count = typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined
  if (!Number.isSafeInteger(count))
    throw new Error(`expected a whole number as "${name}", got ${JSON.stringify(count)}`)
  return Number(count)
}

/**
 * Counts every test by its result. An error outside of any test (a file that does not load, a hook of a suite, a
 * promise rejected after the end) is one failure more: a run with any of them must not read as clean.
 */
export function countTests(modules: readonly TestModule[], errorsOutside: number): TestCounts {
  const counts = { passed: 0, failed: errorsOutside, skipped: 0 }
  for (const module of modules) {
    counts.failed += module.errors().length
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed' || state === 'failed') counts[state]++
      else counts.skipped++
    }
  }
  return counts
}

export default class TestCountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env[COUNTS_FILE_VARIABLE]
    if (file !== undefined) writeFileSync(file, JSON.stringify(countTests(modules, unhandledErrors.length)))
  }
}
