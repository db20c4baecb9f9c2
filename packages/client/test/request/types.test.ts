/** What does not compile: each line of a program is held against what the compiler says of it. */
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { COMPILE_TIMEOUT_MS, compile } from './compile.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures')

const HEAD = `import { bindRoutes, connect, createClient, type Connection } from '@shardwire/client'
import type stock from '${FIXTURES}/stock.ts'
import type { sensor } from '${FIXTURES}/stock.ts'
declare const connection: Connection
const bind = bindRoutes<typeof stock>()
export const routes = bind(connection, {
  take: 1, reverse: { number: 2, body: 'bytes' }, size: { number: 3, body: 'bytes', answer: 'msgpack' },
  notes: { number: 5, body: 'none', answer: 'bytes' }, ask: 6,
})
const bytes = new Uint8Array(1)
const client = createClient<typeof stock>({ addresses: ['h:1'] })
const any = createClient({ addresses: ['h:1'] })
`

const COMPILES = [
  "export const a: Promise<{ left: number }> = routes.take({ item: 'x' })",
  "export const b: Promise<Uint8Array> = routes.reverse(bytes, { timeoutMs: 5, meta: { tenant: 'a' } })",
  'export const c: Promise<number> = routes.size(bytes)',
  'export const d: Promise<Uint8Array> = routes.notes()',
  "export const e: boolean = routes.take.send({ item: 'x', count: 1 })",
  'export const f: 1 = routes.take.number',
  'export const g = connection.handleMsgpack<typeof sensor>(40, ({ name }) => ({ celsius: name.length }))',
  'export const h = connection.handleMsgpack<typeof sensor>(40, async ({ name }) => ({ celsius: name.length }))',
  "export const i = connect({ host: 'h', port: 1, tls: { caFile: 'ca.pem' } })",
  "export const j = connect({ path: '/run/s' })",
  'export const k = connection.handleMsgpack(40, (value) => value)',
  "export const l: Promise<{ left: number }> = client.requestValue(1, { item: 'x' }, { idempotent: true })",
  'export const m: Promise<Uint8Array> = client.request(2, bytes, { timeoutMs: 5 })',
  'export const n: Promise<Uint8Array> = client.request(5)',
  "export const o: boolean = client.send(4, bytes) && client.sendValue(1, { item: 'x' })",
  "export const p: Promise<{ fahrenheit: number }> = client.requestMsgpack(6, { name: 'x' })",
  'export const q: Promise<{ left: number }> = bind(client, { take: 1 }).take({ item: "x" }, { idempotent: true })',
  'export const r: Promise<unknown> = any.requestValue(77, [any.status, client.status])',
  'export const t: ReturnType<typeof createClient> = any',
  'export const s = async () => { await using lease = await client.acquire(); return lease.item }',
]

/** With a word of what the compiler says. */
const FAILS: readonly (readonly [string, string])[] = [
  ['void routes.take({ item: 1 })', "Type 'number' is not assignable to type 'string'"],
  ['void routes.take({})', "Property 'item' is missing"],
  ["void routes.take({ item: 'x', cuont: 1 })", "'cuont' does not exist"],
  ['void routes.take()', 'Expected 1-2 arguments'],
  ["void routes.reverse('abc')", "type 'string' is not assignable to parameter of type 'Uint8Array"],
  ["export const x: Promise<string> = routes.take({ item: 'x' })", 'not assignable'],
  ['routes.take.send({ item: 1 })', "Type 'number' is not assignable to type 'string'"],
  ['void routes.wait({ ms: 1 })', "Property 'wait' does not exist"],
  ['void routes.size(bytes, { timeoutms: 5 })', "'timeoutms' does not exist"],
  ['bind(connection, { take: 2 })', 'not assignable'],
  ['bind(connection, { reverse: 2 })', 'not assignable'],
  ["bind(connection, { reverse: { number: 2, body: 'msgpack' } })", 'not assignable'],
  ["bind(connection, { size: { number: 3, body: 'bytes' } })", 'not assignable'],
  ["bind(connection, { take: { number: 1, body: 'bytes' } })", 'not assignable'],
  ['bind(connection, { taek: 1 })', "'taek' does not exist"],
  ['bind(connection, { take: 1, taek: 1 })', "type 'never'"],
  ['connection.handleMsgpack<typeof sensor>(40, () => ({ celsius: "warm" }))', 'not assignable'],
  ['connection.handleMsgpack<typeof sensor>(40, ({ nmae }) => ({ celsius: nmae }))', "'nmae' does not exist"],
  ["connection.handle(41, () => 'text')", 'not assignable'],
  ["void connect({ host: 'h' })", 'not assignable'],
  ["void connect({ path: '/run/s', port: 1 })", 'not assignable'],
  ["void connection.request('take'.length, 'text')", 'not assignable'],
  ['void client.requestValue(1, { item: 1 })', "Type 'number' is not assignable to type 'string'"],
  ['void client.requestValue(1)', 'Expected 2-3 arguments'],
  ["void client.requestValue(1, { item: 'x', cuont: 1 })", "'cuont' does not exist"],
  ['void client.requestValue(77, {})', 'not assignable'],
  ['void client.requestValue(2, bytes)', 'not assignable'],
  ['void client.requestMsgpack(6, { name: 1 })', "Type 'number' is not assignable to type 'string'"],
  ["export const y: Promise<{ left: string }> = client.requestValue(1, { item: 'x' })", 'not assignable'],
  ["void client.request(2, 'abc')", "type 'string' is not assignable to parameter of type 'Uint8Array"],
  ['void client.request(1, bytes)', 'not assignable'],
  ['client.send(1, bytes)', 'not assignable'],
  ['client.sendValue(1, { item: 1 })', "Type 'number' is not assignable to type 'string'"],
  ['void client.request(2, bytes, { timeoutms: 5 })', "'timeoutms' does not exist"],
]

describe('a program', () => {
  /** What the compiler says, by line. */
  let said: ReadonlyMap<number, string>
  const firstLine = HEAD.split('\n').length

  beforeAll(async () => {
    const lines = [...COMPILES, ...FAILS.map(([line]) => line)]
    said = (await compile({ 'program.ts': `${HEAD}${lines.join('\n')}\n` })).get('program.ts') ?? new Map()
  }, COMPILE_TIMEOUT_MS)

  it.each(COMPILES.map((line, index) => [line, index] as const))('%s compiles', (_line, index) => {
    expect(said.get(firstLine + index)).toBeUndefined()
  })

  it.each(FAILS.map(([line, word], index) => [line, word, index] as const))('%s does not', (_line, word, index) => {
    expect(said.get(firstLine + COMPILES.length + index)).toContain(word)
  })
})
