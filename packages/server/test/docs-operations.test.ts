/** Owns the tests that keep docs/operations.md in step with what the daemon says and knows. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CLOSE_CLASSES, CLOSE_REASONS } from '../src/close-reason.ts'
import type { Option } from '../src/config/option.ts'
import { OPTIONS } from '../src/config/options.ts'
import { REFUSALS } from '../src/refusal.ts'

const SOURCES = new URL('../src/', import.meta.url)
const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8')

/** The cells of the rows below a heading, without those of the table's head. */
function rowsBelow(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const lines = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return lines.map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
}

function sources(): readonly string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.map((name) => readFileSync(new URL(name, SOURCES), 'utf8'))
}

/** Of records of the log. */
function written(): readonly string[] {
  return sources().flatMap((text) => [...text.matchAll(/\bevent(?::| =) '([a-z-]+)'/g)].map(([, name]) => name ?? ''))
}

function events(): ReadonlySet<string> {
  return new Set(
    sources().flatMap((text) => [...text.matchAll(/'([a-z]+(?:-[a-z]+)*)'/g)].map(([, name]) => name ?? '')),
  )
}

describe('docs/operations.md', () => {
  it('has every close reason with its class, and no other', () => {
    const rows = rowsBelow('Why a connection ended').map(([, name, kind]) => [name, kind])
    expect(new Set(rows.map(String))).toEqual(new Set(CLOSE_REASONS.map((name) => `${name},${CLOSE_CLASSES[name]}`)))
  })

  it('has every refusal, and no other', () => {
    const rows = rowsBelow('Why a socket was refused').map(([, name]) => name)
    expect(new Set(rows)).toEqual(new Set(REFUSALS))
  })

  it('names no option that there is not', () => {
    const rows = Object.values<Option<unknown>>(OPTIONS)
    const names = new Set<string>(rows.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])))
    const unknown = [...page.matchAll(/SHARDWIRE_[A-Z_]+/g)].map(([name]) => name).filter((name) => !names.has(name))
    expect(unknown).toEqual([])
  })

  it('tells of every event that is written', () => {
    const [, section = ''] = page.split('\n## Every line of the log\n')
    const told = new Set([...section.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, name]) => name))
    expect(written().length).toBeGreaterThan(40)
    expect(written().filter((name) => !told.has(name))).toEqual([])
  })

  it('names no event that nothing writes', () => {
    const [, section = ''] = page.split('\n## What it does by itself\n')
    const table = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
    const named = table.flatMap((line) => [...line.matchAll(/`([a-z]+-[a-z-]+)`/g)].map(([, name]) => name ?? ''))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !events().has(name))).toEqual([])
  })
})
