/** Owns the tests that keep docs/configuration.md in step with the table, and its examples working. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { toMarkdown } from '../../../../scripts/docs-configuration.ts'
import type { Option } from '../../src/config/option.ts'
import { OPTIONS } from '../../src/config/options.ts'
import { configOf } from './machines.ts'

const page = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8')

describe('docs/configuration.md', () => {
  it('is what `node --conditions=source scripts/docs-configuration.ts` writes', () => {
    expect(page).toBe(toMarkdown())
  })

  it.each(Object.values<Option<unknown>>(OPTIONS))('has a row for $name', ({ name, meaning, needsRestart }) => {
    expect(page).toMatch(new RegExp(`^\\| \`${name}\`( or \`${name}_FILE\`)? \\| `, 'm'))
    expect(page).toContain(` | ${meaning}${needsRestart === true ? ' Needs a restart.' : ''} | `)
  })

  it('has five cells in every row', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'))
    expect(rows.map((line) => line.split(' | ').length)).toEqual(Object.values(OPTIONS).map(() => 5))
  })

  it('shows only listen addresses that work', () => {
    const addresses = page.match(/^tcp:\/\/\S+/gm) ?? []
    expect(addresses.length).toBeGreaterThan(3)
    for (const address of addresses) expect(configOf({ SHARDWIRE_LISTEN: address }).listen).toHaveLength(1)
  })
})
