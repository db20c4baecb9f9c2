/**
 * What CI runs, with a stand-in for npm: every step runs, and the counts are the last line.
 */
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const CI_RUN = join(import.meta.dirname, '../../.ci/run')
const PASSING = { check: 'echo check passed', audit: 'echo audit passed', test: 'echo 12 passed, 0 failed, 1 skipped' }

interface CiResult {
  readonly code: unknown
  readonly lines: readonly string[]
}

/** Runs it where each step of npm is a line of shell. */
async function ciRun(steps: Partial<typeof PASSING>): Promise<CiResult> {
  const root = mkdtempSync(join(tmpdir(), 'shardwire-ci-'))
  const { check, audit, test } = { ...PASSING, ...steps }
  mkdirSync(join(root, '.ci'))
  cpSync(CI_RUN, join(root, '.ci/run'))
  mkdirSync(join(root, 'bin'))
  const npm = `case "$*" in *check*) ${check};; *audit*) ${audit};; *test*) ${test};; *) exit 99;; esac`
  writeFileSync(join(root, 'bin/npm'), `#!/bin/sh\n${npm}\n`)
  chmodSync(join(root, 'bin/npm'), 0o755)
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}` }
  const ended = Promise.withResolvers<CiResult>()
  execFile('bash', [join(root, '.ci/run')], { env }, (error, stdout) => {
    ended.resolve({ code: error === null ? 0 : error.code, lines: stdout.trimEnd().split('\n') })
  })
  const result = await ended.promise
  rmSync(root, { recursive: true })
  return result
}

it('runs check, audit and tests, and ends with the counts', async () => {
  const { code, lines } = await ciRun({})
  expect(code).toBe(0)
  expect(lines).toEqual(['check passed', 'audit passed', '12 passed, 0 failed, 1 skipped'])
})

it.each(['check', 'audit'] as const)('runs the rest when the %s fails, names it, and exits with 1', async (step) => {
  const { code, lines } = await ciRun({ [step]: 'echo no good; exit 3' })
  expect(code).toBe(1)
  expect(lines).toContain('no good')
  expect(lines.slice(-2)).toEqual([`failed: ${step}`, '12 passed, 0 failed, 1 skipped'])
})

it('names all that failed, before the counts', async () => {
  const test = 'echo one is wrong; echo 11 passed, 1 failed; exit 1'
  const { code, lines } = await ciRun({ check: 'exit 1', audit: 'exit 1', test })
  expect(code).toBe(1)
  expect(lines).toEqual(['one is wrong', 'failed: check audit tests', '11 passed, 1 failed'])
})

it.each([
  ['failed', 'echo the build failed; exit 2'],
  ['said nothing', 'echo nothing'],
])('has counts also where the tests could not begin: npm test %s', async (_how, test) => {
  const { code, lines } = await ciRun({ test })
  expect(code).toBe(1)
  expect(lines.at(-1)).toBe('0 passed, 1 failed')
})
