/** Owns the tests that keep docs/metrics.md in step with the table of metrics, and the table with its conventions. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { toMarkdown } from '../../../../scripts/docs-metrics.ts'
import { METRICS } from '../../src/metrics/definitions.ts'

const page = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')

describe('docs/metrics.md', () => {
  it('is what `node --conditions=source scripts/docs-metrics.ts` writes', () => {
    expect(page).toBe(toMarkdown())
  })

  it('uses no metric that there is not', () => {
    const names = [...page.matchAll(/\bshardwire_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''))
    expect(names.length).toBeGreaterThan(50)
    expect(names.filter((name) => !(name in METRICS))).toEqual([])
  })
})

it.each(Object.entries(METRICS))('%s keeps to the conventions', (name, { type, help, labels }) => {
  expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
  expect(name.endsWith('_total')).toBe(type === 'counter')
  expect(help).toMatch(/^[A-Z][^\n]*\.$/)
  for (const label of labels) expect(label).toMatch(/^[a-z]+$/)
})
