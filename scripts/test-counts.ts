/**
 * Owns the numbers of a test run: a vitest reporter that counts, which files have failures, and the line that the
 * numbers are printed as.
 * Writes its counts to the file that COUNTS_FILE_VARIABLE names, and nothing when that is not set (vitest run by hand).
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/** Without the prefix of our own variables: the daemons that tests start refuse any of those that they do not know. */
export const COUNTS_FILE_VARIABLE = 'TEST_COUNTS_FILE'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const NO_TESTS: TestCounts = { passed: 0, failed: 0, skipped: 0 }

/** What one run of vitest reports. */
export interface TestReport extends TestCounts {
  /** By path from the root: the counts of each file that has a failure. */
  readonly failedFiles: Readonly<Record<string, TestCounts>>
}

/** The counts of two runs together. */
export function addCounts(one: TestCounts, other: TestCounts): TestCounts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  }
}

/** The counts of a run without those of a part of it. */
export function takeCounts(whole: TestCounts, part: TestCounts): TestCounts {
  return {
    passed: whole.passed - part.passed,
    failed: whole.failed - part.failed,
    skipped: whole.skipped - part.skipped,
  }
}

/** The line that CI reads: `N passed, N failed`, and `, N skipped` when there are any. */
export function describeCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** @throws {Error} when the text is not what this reporter writes */
export function parseReport(text: string): TestReport {
  const value: unknown = JSON.parse(text)
  const files: unknown = isObject(value) ? Reflect.get(value, 'failedFiles') : undefined
  if (!isObject(files)) throw new Error(`expected an object as "failedFiles", got ${JSON.stringify(files)}`)
  const failedFiles = Object.fromEntries(Object.entries(files).map(([file, counts]) => [file, countsIn(counts)]))
  return { ...countsIn(value), failedFiles }
}

function countsIn(value: unknown): TestCounts {
  return { passed: countIn(value, 'passed'), failed: countIn(value, 'failed'), skipped: countIn(value, 'skipped') }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function countIn(value: unknown, name: keyof TestCounts): number {
  const count: unknown = isObject(value) ? Reflect.get(value, name) : undefined
  if (!Number.isSafeInteger(count))
    throw new Error(`expected a whole number as "${name}", got ${JSON.stringify(count)}`)
  return Number(count)
}

/**
 * Counts every test by its result. An error outside of any test (a file that does not load, a hook of a suite, a
 * promise rejected after the end) is one failure more: a run with any of them must not read as clean.
 */
export function countTests(modules: readonly TestModule[], errorsOutside: number): TestReport {
  let sum: TestCounts = { ...NO_TESTS, failed: errorsOutside }
  const failedFiles: Record<string, TestCounts> = {}
  for (const module of modules) {
    const counts = countModule(module)
    sum = addCounts(sum, counts)
    if (counts.failed > 0) failedFiles[relative(process.cwd(), module.moduleId)] = counts
  }
  return { ...sum, failedFiles }
}

function countModule(module: TestModule): TestCounts {
  const counts = { passed: 0, failed: module.errors().length, skipped: 0 }
  for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state === 'passed' || state === 'failed') counts[state]++
    else counts.skipped++
  }
  return counts
}

export default class TestCountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env[COUNTS_FILE_VARIABLE]
    if (file !== undefined) writeFileSync(file, JSON.stringify(countTests(modules, unhandledErrors.length)))
  }
}
