import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock, TestAuthority } from '@shardwire/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { StartError } from '../../src/primary/entrance.ts'
import { TlsKeeper } from '../../src/primary/tls-keeper.ts'
import type { TlsMaterial } from '../../src/transport/tls-context.ts'
import { configOf } from '../config/machines.ts'

const HOUR_MS = 3_600_000
const log = createLogger({ clock: new FakeClock(), level: 'silent', format: 'json', base: {} })

let directory: string
let authority: TestAuthority
let clock: FakeClock
let changes: TlsMaterial[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shardwire-keeper-'))
  authority = await TestAuthority.create()
  clock = new FakeClock()
  changes = []
  await put('ca.pem', authority.cert)
  await renew()
})
afterEach(async () => await rm(directory, { recursive: true }))

async function put(name: string, text: string): Promise<void> {
  await writeFile(join(directory, name), text)
}

async function renew(): Promise<void> {
  const { cert, key } = await authority.issue()
  await put('cert.pem', cert)
  await put('key.pem', key)
}

function open(listen = 'tls://127.0.0.1:0'): TlsKeeper | undefined {
  const config = configOf({
    SHARDWIRE_LISTEN: listen,
    SHARDWIRE_TLS_CERT: join(directory, 'cert.pem'),
    SHARDWIRE_TLS_KEY: join(directory, 'key.pem'),
    SHARDWIRE_TLS_CA: join(directory, 'ca.pem'),
  })
  return TlsKeeper.open({ config, clock, log, onChange: (material) => changes.push(material) })
}

it('without a tls:// address nothing is read', async () => {
  await rm(join(directory, 'cert.pem'))
  expect(open('tcp://127.0.0.1:0')).toBeUndefined()
  expect(() => open()).toThrow(StartError)
})

it('the key of tickets is 48 random bytes, another every twelve hours, with the same certificate', () => {
  const first = open()?.material
  clock.advance(12 * HOUR_MS - 1)
  expect(changes).toEqual([])
  clock.advance(1)
  clock.advance(12 * HOUR_MS)
  const keys = [first, ...changes].map((material) => material?.ticketKey ?? '')
  expect(keys.map((key) => Buffer.from(key, 'base64').length)).toEqual([48, 48, 48])
  expect(new Set(keys).size).toBe(3)
  expect(changes[1]).toEqual({ ...first, ticketKey: keys[2] })
})

it('files are read once they have stayed the same from one look to the next, so half a pair is not', async () => {
  const keeper = open()
  const before = keeper?.material
  const { cert, key } = await authority.issue()
  await put('cert.pem', cert)
  clock.advance(1000)
  await put('key.pem', key)
  clock.advance(1000)
  expect(changes).toEqual([])
  clock.advance(1000)
  expect(changes).toEqual([{ ...before, cert, key }])
  expect(keeper?.material).toBe(changes[0])
  clock.advance(10_000)
  expect(changes).toHaveLength(1)
})

it('other authorities end the tickets of those that were let in by the old ones', async () => {
  const before = open()?.material
  await put('ca.pem', (await TestAuthority.create('Other')).cert)
  clock.advance(2000)
  expect(changes).toHaveLength(1)
  expect(changes[0]?.ticketKey).not.toBe(before?.ticketKey)
})

it('files that are gone or broken change nothing, and count again when they are mended', async () => {
  const keeper = open()
  const before = keeper?.material
  await rm(join(directory, 'key.pem'))
  clock.advance(2000)
  await put('cert.pem', 'rubbish')
  clock.advance(2000)
  expect([changes, keeper?.material]).toEqual([[], before])
  await renew()
  clock.advance(2000)
  expect(changes).toHaveLength(1)
})

it('after its end it looks at nothing more', async () => {
  const keeper = open()
  keeper?.close()
  await renew()
  clock.advance(24 * HOUR_MS)
  expect([changes, clock.pendingTimers]).toEqual([[], 0])
})
