import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { EnvironmentError } from '../../src/exit-codes.ts'
import { checkReportFile, writeReportFile } from '../../src/report/report-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('a file that can be written passes, and the check leaves nothing behind and nothing changed', () => {
  const [fresh, old] = [path.join(folder, 'fresh.json'), path.join(folder, 'old.json')]
  writeFileSync(old, 'kept')
  checkReportFile(fresh)
  checkReportFile(old)
  expect(readdirSync(folder)).toEqual(['old.json'])
  expect(readFileSync(old, 'utf8')).toBe('kept')
  writeReportFile(fresh, '{}')
  expect(readFileSync(fresh, 'utf8')).toBe('{}')
})

test.each([
  ['in no directory', 'missing/run.json', /there is no directory/],
  ['below a file', 'file/run.json', /there is no directory/],
  ['that is a directory', '', /it is a directory/],
  ['with an impossible name', `${'x'.repeat(300)}.json`, /ENAMETOOLONG/],
])('one %s is refused with its name and what to do', (_, name, why) => {
  writeFileSync(path.join(folder, 'file'), '')
  const file = path.join(folder, name)
  const check = (): void => checkReportFile(file)
  expect(check).toThrow(EnvironmentError)
  expect(check).toThrow(why)
  expect(check).toThrow(`The report cannot be written to ${file} (`)
  expect(check).toThrow('name a file that can be written')
})

test('an empty name is refused', () => {
  expect(() => checkReportFile('')).toThrow('The report cannot be written to "" (it is a directory)')
})

/** Root may write anywhere. */
const isRoot = process.getuid?.() === 0

test.skipIf(isRoot)('one that may not be written is refused', () => {
  const file = path.join(folder, 'run.json')
  writeFileSync(file, '', { mode: 0o444 })
  expect(() => checkReportFile(file)).toThrow(/EACCES/)
})
