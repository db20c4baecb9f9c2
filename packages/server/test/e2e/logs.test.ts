/** Owns the tests of what the log must have, must not have, and how often it says the same. */
import { encodeHello } from '@shardwire/protocol'
import { RawClient, startDaemon, TraceCollector } from '@shardwire/testkit'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const HOOKED = fileURLToPath(new URL('../fixtures/hooked.ts', import.meta.url))
const TRACED = fileURLToPath(new URL('../fixtures/traced.ts', import.meta.url))
const ROUTE_FAILS = 3
/** Lines of one kind in ten seconds. */
const REPORTS_MAX = 5

it('a handler that fails all the time is told a few times, each with route and connection', async () => {
  await using daemon = await startDaemon({ SHARDWIRE_SERVICE: TRACED, SHARDWIRE_WORKERS: '1' })
  await using client = await RawClient.connect(daemon.port)
  const { connection } = await frames.greetServer(client)
  const ids = Array.from({ length: 200 }, (_, index) => index + 1)
  await client.sendFrames(...ids.map((id) => frames.request(ROUTE_FAILS, id, new Uint8Array([0xc0]))))
  await client.frames(ids.length)
  client.destroy()
  expect(await daemon.stop()).toBe(0)
  const told = daemon.records.filter(({ event }) => event === 'handler-failed')
  expect(told).toHaveLength(REPORTS_MAX)
  for (const line of told) {
    expect(line).toMatchObject({ level: 'error', route: 'fails', connection, err: { type: 'RangeError' } })
  }
})

it('no secret is in it, at whatever level: tokens, keys, headers, of whoever is let in or not', async () => {
  await using files = await TlsFiles.create()
  await using collector = await TraceCollector.start()
  const [acting, reading] = ['the-token-that-may-act', 'the-token-that-may-read']
  writeFileSync(files.path('token'), acting)
  await using daemon = await startDaemon({
    ...files.environment,
    SHARDWIRE_SERVICE: HOOKED,
    SHARDWIRE_LOG_LEVEL: 'trace',
    SHARDWIRE_ADMIN: 'http://127.0.0.1:0',
    SHARDWIRE_ADMIN_TOKEN_FILE: files.path('token'),
    SHARDWIRE_ADMIN_READ_TOKEN: reading,
    SHARDWIRE_ADMIN_READ: 'token',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint.replace('//', '//user:the-password@'),
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=the-key-of-the-collector',
  })
  const tokens = ['the-token-of-a-client', 'expired', 'refused', 'failed']
  for (const token of tokens) {
    await using client = await RawClient.connectTls(daemon.port, { ca: files.authority.cert })
    await client.write(encodeHello({ protocol: 1, token, name: 'a client' }))
    await client.nextFrame()
    client.destroy()
  }
  const guesses = [acting, reading, 'the-guess-of-somebody']
  const statuses = await Promise.all(
    guesses.map(async (token) => {
      const headers = { authorization: `Bearer ${token}` }
      return (await fetch(`${daemon.admin}/api/config`, { headers })).status
    }),
  )
  expect(statuses).toEqual([200, 200, 401])
  await daemon.waitFor(({ event }) => event === 'admin-denied')
  expect(await daemon.stop()).toBe(0)
  const log = daemon.describe()
  expect(log).toContain('connection-closed')
  const keyLines = readFileSync(files.path('key.pem'), 'utf8').split('\n').slice(1, 3)
  const secrets = [...guesses, 'the-token-of-a-client', 'the-password', 'the-key-of-the-collector', ...keyLines]
  expect(secrets.filter((secret) => log.includes(secret))).toEqual([])
})
