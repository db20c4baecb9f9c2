/** The error table: docs/protocol.md shows the same rows, both ways, and an error carries its row. */
import { readFileSync } from 'node:fs'
import {
  BAD_FRAME,
  ERROR_TABLE,
  type ErrorName,
  errorName,
  errorRow,
  OVERLOADED,
  ShardwireError,
} from '@shardwire/protocol'
import { expect, test } from 'vitest'

const PAGE = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

/** Cells of the table rows of the page that begin with a number and a name in capitals. */
function documentedRows(): string[][] {
  const rows = PAGE.matchAll(/^\| (\d+) \| `([A-Z_]+)` \| (yes|no) \| ([^|]+) \| ([^|]+) \|/gm)
  return Array.from(rows, ([, ...cells]) => cells.map((cell) => cell.trim()))
}

test('the protocol page has the rows of the table, no more and no fewer', () => {
  const rows = ERROR_TABLE.map(({ code, name, retryable, handler, then }) => {
    return [String(code), name, retryable ? 'yes' : 'no', handler, then]
  })
  expect(documentedRows()).toEqual(rows)
})

test('the protocol page names no error that does not exist', () => {
  const named = [...PAGE.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name]) => name)
  const known = ERROR_TABLE.map(({ name }) => name)
  for (const name of named) expect(known).toContain(name)
})

test('a code is its place in the table, from 1', () => {
  expect(ERROR_TABLE.map(({ code }) => code)).toEqual(ERROR_TABLE.map((_, index) => index + 1))
  for (const row of ERROR_TABLE) expect(errorRow(row.code)).toBe(row)
})

test('codes that nobody knows have no row and a name with their number', () => {
  for (const code of [0, -1, 19, 65_535, 1.5]) {
    expect(errorRow(code)).toBeUndefined()
    expect(errorName(code)).toBe(`ERROR_${code}`)
  }
})

test('an error may be made by its name', () => {
  for (const { name, code } of ERROR_TABLE) {
    expect(new ShardwireError(name as ErrorName, 'text')).toMatchObject({ name, code, message: 'text' })
  }
  expect(() => new ShardwireError('BAD_LUCK' as ErrorName, 'text')).toThrow('there is no error BAD_LUCK')
})

test('an error has a code that an ERROR frame can say', () => {
  for (const code of [1, 1001, 65_535]) expect(new ShardwireError(code, 'text')).toMatchObject({ code })
  for (const code of [0, -1, 1.5, 65_536, Number.NaN]) {
    expect(() => new ShardwireError(code, 'text')).toThrow(`there is no error ${code}: expected an integer from 1`)
  }
})

test('an error has the name and the word on retries of its code', () => {
  const cause = new Error('below')
  const error = new ShardwireError(OVERLOADED, 'busy', { retryAfterMs: 5, details: { queue: 9 }, cause })
  expect(error).toMatchObject({ name: 'OVERLOADED', retryable: true, retryAfterMs: 5, details: { queue: 9 }, cause })
  expect(error).toBeInstanceOf(Error)
  expect(new ShardwireError(BAD_FRAME, '')).toMatchObject({ name: 'BAD_FRAME', retryable: false, details: undefined })
})
