/** What docs/client.md says is so: its programs compile, its table of errors is the one of the code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CLIENT_ERROR_TABLE } from '../src/index.ts'
import { COMPILE_TIMEOUT_MS, compile } from './request/compile.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/client.md'), 'utf8')
const STOCK = join(import.meta.dirname, 'fixtures/stock.ts')

/** What pieces of programs are about, where they do not say. */
const GIVEN = `import { createClient, type Connection } from '@shardwire/client'
declare const connection: Connection
declare const readings: readonly Uint8Array[]
`

it('its programs compile', { timeout: COMPILE_TIMEOUT_MS }, async () => {
  const programs = [...PAGE.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => {
    const whole = text.includes('import ') ? text : `${GIVEN}${text}`
    return `${whole.replaceAll('./stock.ts', STOCK)}\nexport {}\n`
  })
  expect(programs.length).toBeGreaterThan(6)
  const named = Object.fromEntries(programs.map((text, index) => [`program-${index}.ts`, text]))
  expect([...(await compile(named))].map(([file, said]) => [named[file], ...said])).toEqual([])
})

it('its errors are those of the client', () => {
  const rows = [...PAGE.matchAll(/^\| `([A-Z_]+)` \| (.*) \| (yes|no) \| ([a-z ]+) \|$/gm)]
  expect(rows.map(([, code, meaning, retryable, handler]) => [code, meaning, retryable === 'yes', handler])).toEqual(
    Object.entries(CLIENT_ERROR_TABLE).map(([code, row]) => [code, row.meaning, row.retryable, row.handler]),
  )
})
