/** Owns the tests of SHARDWIRE_DEBUG_VIEWS on the daemon: what a person is told about a handler that keeps a view. */
import { createHash } from 'node:crypto'
import { type Connection, connect } from '@shardwire/client'
import { type Daemon, type LogRecord, startDaemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const SERVICE = fileURLToPath(new URL('../fixtures/stale-views.ts', import.meta.url))
const ROUTE = {
  collect: 1,
  addUp: 2,
  concatenate: 3,
  callback: 4,
  seen: 5,
  uncaught: 6,
  awaited: 7,
  remember: 8,
  remembered: 9,
  echo: 10,
  keep: 11,
  hash: 12,
  forget: 13,
} as const
const BODY = Buffer.from('the body of somebody')

const start = async (environment: Readonly<Record<string, string>>): Promise<Daemon> =>
  await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1', ...environment }, { misusesViews: true })

function isMisuse({ event }: LogRecord): boolean {
  return event === 'view-misused'
}

let daemon: Daemon
let client: Connection
let innocent: Connection

async function connectBoth(): Promise<void> {
  client = await connect({ host: '127.0.0.1', port: daemon.port })
  innocent = await connect({ host: '127.0.0.1', port: daemon.port })
}

/** The others are answered as ever, with their own bytes, and the daemon stops in order. */
async function expectAllElseWell(): Promise<void> {
  const body = Buffer.from('the body of another')
  expect(await innocent.request(ROUTE.echo, body)).toEqual(new Uint8Array(body))
  const hash = createHash('sha256').update(body).digest()
  expect(await innocent.request(ROUTE.hash, body)).toEqual(new Uint8Array(hash))
  await Promise.all([client.close(), innocent.close()])
  expect(await daemon.stop()).toBe(0)
}

describe('with SHARDWIRE_DEBUG_VIEWS', () => {
  beforeEach(async () => {
    daemon = await start({ SHARDWIRE_DEBUG_VIEWS: 'true' })
    await connectBoth()
  })
  afterEach(async () => {
    await expectAllElseWell()
    await daemon[Symbol.asyncDispose]()
  })

  it('a view that was put aside is told by its route, at the first frame, with nobody using it', async () => {
    await client.request(ROUTE.collect, BODY)
    const told = await daemon.waitFor(isMisuse)
    expect(told).toMatchObject({ level: 'error', route: 'collect', role: 'worker' })
    expect(told['msg']).toMatch(/^route collect: something still holds a body .* request\.keep\(\)/)
  })

  it('a use of it fails, and the error names the route that kept it and the line that used it', async () => {
    await client.request(ROUTE.collect, BODY)
    await expect(client.requestMsgpack(ROUTE.addUp, null)).rejects.toMatchObject({ name: 'HANDLER_FAILED' })
    const failed = await daemon.waitFor(({ event }) => event === 'handler-failed')
    expect(failed).toMatchObject({
      route: 'addUp',
      err: {
        message: expect.stringMatching(/^route collect: \.length of a view of the body was used after/) as unknown,
        stack: expect.stringMatching(/^StaleViewError.*\n\s+at .*stale-views\.ts/) as unknown,
      },
    })
    expect(daemon.records.find((record) => isMisuse(record) && 'err' in record)).toMatchObject({ route: 'collect' })
  })

  it('what reads it below JavaScript reads words that name the route, and no bytes of a frame', async () => {
    await client.request(ROUTE.collect, BODY)
    await innocent.request(ROUTE.echo, BODY)
    const read = await client.request(ROUTE.concatenate, new Uint8Array(0))
    expect(Buffer.from(read).toString()).toBe('<stale body of colle')
  })

  it('a request that a callback uses later fails there, and is told by its route', async () => {
    await client.request(ROUTE.callback, BODY)
    const told = await daemon.waitFor(isMisuse)
    expect(told).toMatchObject({ route: 'callback', err: { type: 'StaleViewError' } })
    expect(told['msg']).toMatch(/^route callback: \.bytes of the request was used after the handler had returned;/)
    expect(await client.requestMsgpack(ROUTE.seen, null)).toBe('StaleViewError')
  })

  it('a request that a later handler looks at is told by its own route', async () => {
    await client.requestMsgpack(ROUTE.remember, null)
    await expect(client.requestMsgpack(ROUTE.remembered, null)).rejects.toMatchObject({ name: 'HANDLER_FAILED' })
    const told = await daemon.waitFor(isMisuse)
    expect(told['msg']).toMatch(/^route remember: \.connection of the request was used/)
  })

  it('a view that an async handler uses after its first await fails there, and is told by its route', async () => {
    await expect(client.request(ROUTE.awaited, BODY)).rejects.toMatchObject({ name: 'HANDLER_FAILED' })
    const told = await daemon.waitFor(isMisuse)
    expect(told['msg']).toMatch(
      /^route awaited: \.slice of a view of the body .*after an await ask request\.bytes again/,
    )
  })

  it('what was kept by request.keep() stays, and nothing is told', async () => {
    expect(await client.requestMsgpack(ROUTE.forget, null)).toBe(undefined)
    for (let sent = 1; sent <= 50; sent++) await client.request(ROUTE.keep, BODY)
    expect(await client.requestMsgpack(ROUTE.addUp, null)).toBe(50 * BODY.length)
    const kept = Buffer.from(await client.request(ROUTE.concatenate, new Uint8Array(0)))
    expect(kept).toEqual(Buffer.concat(Array.from({ length: 50 }, () => BODY)))
    // A view that is kept is told within a second of its frame: then all of the others have been looked at too.
    await client.request(ROUTE.collect, BODY)
    await daemon.waitFor(isMisuse)
    expect(daemon.records.filter(isMisuse).map(({ route }) => route)).toEqual(['collect'])
  })
})

describe('an exception that nobody catches, in a callback that uses its request too late', () => {
  it('has named its route in the log before it ends the worker, and costs no connection of another', async () => {
    daemon = await start({ SHARDWIRE_DEBUG_VIEWS: 'true', SHARDWIRE_WORKERS: '2' })
    await connectBoth()
    await client.request(ROUTE.uncaught, BODY).catch(() => undefined)
    await daemon.waitFor(({ event }) => event === 'worker-replaced')
    const events = daemon.records.map(({ event }) => event)
    expect(daemon.records.find(isMisuse)).toMatchObject({ route: 'uncaught' })
    expect(events.indexOf('view-misused')).toBeLessThan(events.indexOf('worker-replaced'))
    await expectAllElseWell()
    await daemon[Symbol.asyncDispose]()
  })
})

describe('without it', () => {
  it('nothing is told, and the same handlers run as they are', async () => {
    daemon = await start({ SHARDWIRE_DEBUG_VIEWS: 'false' })
    await connectBoth()
    await client.request(ROUTE.collect, BODY)
    expect(await client.requestMsgpack(ROUTE.addUp, null)).toBe(BODY.length)
    await client.request(ROUTE.callback, BODY)
    await client.requestMsgpack(ROUTE.remember, null)
    expect(await client.requestMsgpack(ROUTE.remembered, null)).toEqual([expect.any(String)])
    expect(await client.requestMsgpack(ROUTE.seen, null)).toMatch(/ bytes$/)
    await expectAllElseWell()
    expect(daemon.records.filter(({ event }) => isMisuse({ event }) || event === 'handler-failed')).toEqual([])
    await daemon[Symbol.asyncDispose]()
  })
})
