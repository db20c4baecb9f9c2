/** The client before the real daemon: what it is for, over real sockets. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Daemon,
  DnsServer,
  eventually,
  FaultProxy,
  nextTurn,
  Random,
  startDaemon,
  TestAuthority,
  zone,
} from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { ClientError, createClient, DnsResolver, ShardwireError } from '../../src/index.ts'
import type { Client, ClientOptions, StatusEvent } from '../../src/index.ts'
import { bytesOf, rejectionOf, textOf } from '../support.ts'

const CALLERS = 20
const RECOVERY_LIMIT_MS = 20_000

/** Listens, and keeps what it hears. */
class Diary {
  readonly events: StatusEvent[] = []

  readonly onStatus = (event: StatusEvent): void => {
    this.events.push(event)
  }

  /** The first of a type. */
  find<Type extends StatusEvent['type']>(type: Type): Extract<StatusEvent, { type: Type }> | undefined {
    return this.events.find((event): event is Extract<StatusEvent, { type: Type }> => event.type === type)
  }

  /** The same, past or future. */
  async heard<Type extends StatusEvent['type']>(type: Type): Promise<Extract<StatusEvent, { type: Type }>> {
    const describe = (): string => `no ${type} in ${JSON.stringify(this.events)}`
    return await eventually(() => this.find(type), describe, RECOVERY_LIMIT_MS)
  }
}

function clientOf(addresses: readonly string[], options: Partial<ClientOptions> = {}): Client {
  return createClient({ addresses, ...options })
}

/** Asks and asks until `isOver`. @returns how many were answered, and all errors */
async function load(client: Client, isOver: () => boolean, options: { readonly timeoutMs: number }) {
  let answered = 0
  const errors: unknown[] = []
  const caller = async (_: unknown, index: number): Promise<void> => {
    for (let count = 0; !isOver(); count++) {
      const text = `${index} ${count}`
      await client.request(1, bytesOf(text), options).then(
        (answer) => (textOf(answer) === text ? answered++ : errors.push(`${text} got ${textOf(answer)}`)),
        (error: unknown) => errors.push(error),
      )
      await nextTurn()
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return { answered, errors }
}

describe('a service that refuses in onConnect', () => {
  it('is asked again when it says', async () => {
    const service = fileURLToPath(new URL('../../../server/test/fixtures/hooked.ts', import.meta.url))
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: service })
    const diary = new Diary()
    const connect = { hello: { token: 'refused' } }
    await using client = clientOf([`127.0.0.1:${daemon.port}`], { connect, onStatus: diary.onStatus })
    await client.connect()
    const { reason, delayMs } = await diary.heard('waiting')
    expect(reason).toBe('refused')
    // What is left of it.
    expect(delayMs).toBeLessThanOrEqual(1000)
    const { close } = await diary.heard('disconnected')
    expect(close.error).toMatchObject({ code: 'CONNECTION_LOST', cause: { name: 'OVERLOADED', retryAfterMs: 1000 } })
  })
})

describe('a rolling restart', () => {
  it('costs no request, idempotent or not', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_DRAIN_TIMEOUT_MS: '3000' })
    const diary = new Diary()
    await using client = clientOf([`127.0.0.1:${daemon.port}`], { pool: { min: 2 }, onStatus: diary.onStatus })
    await client.connect()
    let isOver = false
    const running = load(client, () => isOver, { timeoutMs: 10_000 })
    daemon.signal('SIGHUP')
    await daemon.waitFor(({ event }) => event === 'reloaded')
    isOver = true
    const { answered, errors } = await running
    expect(errors).toEqual([])
    expect(answered).toBeGreaterThan(CALLERS)
    expect(diary.find('goaway')).toMatchObject({ goaway: { retry: 'now' } })
  })
})

describe('a daemon that stops and is started again', () => {
  it('is found again, and what waited meanwhile is answered', async () => {
    const first = await startDaemon()
    const { port } = first
    const diary = new Diary()
    await using client = clientOf([`127.0.0.1:${port}`], { idempotentRoutes: [1], onStatus: diary.onStatus })
    await client.connect()
    let second: Daemon | undefined
    try {
      let isOver = false
      const running = load(client, () => isOver, { timeoutMs: 20_000 })
      await first.stop()
      second = await startDaemon({ SHARDWIRE_LISTEN: `tcp://127.0.0.1:${port}` })
      await client.request(1, bytesOf('there you are'), { timeoutMs: 20_000 })
      isOver = true
      const { errors } = await running
      expect(errors).toEqual([])
      // The first attempt is where GOAWAY said.
      const waiting = diary.find('waiting')
      expect(waiting).toMatchObject({ attempt: 1, reason: 'goaway' })
      expect(waiting?.delayMs).toBeGreaterThan(400)
    } finally {
      await second?.[Symbol.asyncDispose]()
      await first[Symbol.asyncDispose]()
    }
  })
})

describe('a refusal at the door', () => {
  it('is obeyed: the next attempt comes after what it says, and gets in once there is room', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_MAX_CONNECTIONS: '1' })
    const address = `127.0.0.1:${daemon.port}`
    const first = clientOf([address])
    await first.connect()
    const diary = new Diary()
    await using second = clientOf([address], { onStatus: diary.onStatus })
    const { error } = await diary.heard('attempt-failed')
    expect(error).toMatchObject({ name: 'TOO_MANY_CONNECTIONS', retryAfterMs: expect.any(Number) })
    const waiting = diary.find('waiting')
    if (!(error instanceof ShardwireError)) throw new Error('no error of the server')
    // What has passed since the refusal is no longer waited for: on a busy machine that is some milliseconds.
    expect(waiting?.reason).toBe('refused')
    expect(waiting?.delayMs).toBeGreaterThan((error.retryAfterMs ?? Infinity) - 500)
    expect(await rejectionOf(second.request(1, undefined, { timeoutMs: 1 }))).toMatchObject({ code: 'NO_CONNECTION' })
    await first.close()
    await second.connect()
  })
})

describe('a network that swallows everything', () => {
  it('is suspected, left for another connection, and its own is lost', { timeout: 60_000 }, async () => {
    await using daemon = await startDaemon()
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: new Random(1) })
    const diary = new Diary()
    await using client = clientOf([`127.0.0.1:${proxy.port}`], {
      onStatus: diary.onStatus,
      // More than a second: as long may the daemon stand still before.
      connect: { heartbeatMs: 700, suspectMs: 600, heartbeatMisses: 3, timeoutMs: 5000 },
      reconnect: { maxMs: 200 },
    })
    await client.connect()
    expect(textOf(await client.request(1, bytesOf('before')))).toBe('before')
    for (const line of proxy.connections) line.blackHole()
    // No new request goes into the hole: one that is sent now may, one that is sent behind the suspicion may not.
    await diary.heard('suspect')
    expect(textOf(await client.request(1, bytesOf('behind'), { timeoutMs: 10_000 }))).toBe('behind')
    const lost = await diary.heard('disconnected')
    expect(lost.close).toMatchObject({ end: 'lost', error: { code: 'CONNECTION_LOST' } })
  })
})

describe('DNS servers that die', () => {
  /** A client that knows the proxy by name, connected; what it knows of the name is over at once. */
  async function named(proxy: FaultProxy, staleMaxMs: number) {
    const dns = await DnsServer.listen(zone({ 'daemon.test': ['127.0.0.1'] }))
    const limits = { hostsFile: false, timeoutMs: 200, tryAfterMs: 50, ttlMaxMs: 1, staleMaxMs }
    const resolver = new DnsResolver({ servers: [dns.text], ...limits })
    const client = clientOf([`daemon.test:${proxy.port}`], { connect: { resolver }, reconnect: { maxMs: 200 } })
    await client.connect()
    const heal = (): void => {
      dns.script = zone({ 'daemon.test': ['127.0.0.1'] })
    }
    dns.script = () => undefined
    for (const line of proxy.connections) line.reset()
    await eventually(
      () => client.status.state !== 'connected',
      () => 'the loss is not noticed',
    )
    const end = async (): Promise<void> => {
      await client.destroy()
      await dns[Symbol.asyncDispose]()
    }
    return { client, resolver, heal, [Symbol.asyncDispose]: end }
  }

  it('cost a client nothing but time that knew the name: what has expired serves on', async () => {
    await using daemon = await startDaemon()
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: new Random(1) })
    await using one = await named(proxy, 3_600_000)
    expect(textOf(await one.client.request(1, bytesOf('known'), { timeoutMs: 10_000 }))).toBe('known')
    expect(one.resolver.stats.stale).toBeGreaterThan(0)
  })

  it('cost one that keeps nothing its requests, in their time and with the reason, until they are back', async () => {
    await using daemon = await startDaemon()
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: new Random(1) })
    await using one = await named(proxy, 0)
    const began = performance.now()
    const error = await rejectionOf(one.client.request(1, bytesOf('x'), { timeoutMs: 1000 }))
    expect(error).toMatchObject({
      code: 'NO_CONNECTION',
      message: expect.stringContaining('resolve failed (ETIMEOUT)'),
    })
    // Not the twenty seconds that the next one may take.
    expect(performance.now() - began).toBeLessThan(15_000)
    one.heal()
    expect(textOf(await one.client.request(1, bytesOf('back'), { timeoutMs: 20_000 }))).toBe('back')
  })
})

describe('addresses', () => {
  it('may be of TLS and Unix sockets, and each gets its share', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'shardwire-client-'))
    try {
      const authority = await TestAuthority.create()
      const { cert, key } = await authority.issue()
      await writeFile(join(directory, 'cert.pem'), cert)
      await writeFile(join(directory, 'key.pem'), key, { mode: 0o600 })
      const path = join(directory, 'wire.sock')
      await using daemon = await startDaemon({
        SHARDWIRE_LISTEN: `tls://127.0.0.1:0,unix:${path}`,
        SHARDWIRE_TLS_CERT: join(directory, 'cert.pem'),
        SHARDWIRE_TLS_KEY: join(directory, 'key.pem'),
      })
      const addresses = [`tls://localhost:${daemon.port}`, `unix:${path}`]
      await using client = clientOf(addresses, { connect: { tls: { ca: authority.cert } }, balance: 'round-robin' })
      await eventually(
        () => client.status.addresses.every(({ state }) => state === 'connected'),
        () => JSON.stringify(client.status.addresses.map(({ state, error }) => [state, String(error)])),
      )
      for (let request = 0; request < 10; request++) await client.request(1, bytesOf('x'))
      expect(client.status.addresses.map(({ address }) => address)).toEqual([`localhost:${daemon.port}`, path])
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('may speak JSON, with routes by name', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json' })
    const options = { connect: { codec: 'json' as const }, idempotentRoutes: ['greet'] }
    await using client = clientOf([`127.0.0.1:${daemon.port}`], options)
    expect(await client.requestValue('greet', 'world')).toContain('hello, world')
    await expect(client.requestMsgpack(2, 'world')).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: 'requestMsgpack: this client speaks JSON; use requestValue',
    })
    expect(() => client.sendMsgpack(2, 'world')).toThrow(ClientError)
  })
})

it('leaves a process nothing to stay for', async () => {
  await using daemon = await startDaemon()
  const before = process.getActiveResourcesInfo().length
  const diary = new Diary()
  const client = clientOf([`127.0.0.1:${daemon.port}`], { onStatus: diary.onStatus })
  await client.request(1)
  await using lease = await client.acquire()
  lease.release()
  await client.close()
  // Nothing is told any more.
  expect(diary.events.at(-1)).toEqual({ type: 'state', state: 'closed', before: 'connected' })
  const told = diary.events.length
  await eventually(
    () => process.getActiveResourcesInfo().length <= before,
    () => process.getActiveResourcesInfo().join(' '),
  )
  expect(diary.events.slice(told)).toEqual([])
})
