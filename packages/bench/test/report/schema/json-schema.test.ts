import { expect, test } from 'vitest'
import { readdirSync, readFileSync } from 'node:fs'

import { jsonSchemaOf, REPORT_NAMES } from '../../../src/index.ts'
import { validReport } from '../../fixtures/json-schema.ts'

const FOLDER = new URL('../../../schemas/', import.meta.url)

test.each(REPORT_NAMES)('the schema of %s that ships is the one that reports are checked with', (name) => {
  const file = readFileSync(new URL(`${name}.schema.json`, FOLDER), 'utf8')
  expect(file, 'run scripts/bench-schemas.ts').toBe(jsonSchemaOf(name))
})

test('every schema that ships is of a report', () => {
  expect(readdirSync(FOLDER).toSorted()).toEqual(REPORT_NAMES.map((name) => `${name}.schema.json`).toSorted())
})

test.each(REPORT_NAMES)('what is no %s report is refused, by the schema that ships', (name) => {
  expect(() => validReport(name, '{}')).toThrow(/must have required property/)
  expect(() => validReport(name, '{"schema":"x"}')).toThrow(/must be equal to constant/)
  expect(() => validReport(name, '{"surplus":1}')).toThrow(/must NOT have additional properties/)
})
