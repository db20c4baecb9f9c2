/** Codec json against real servers: the daemon's greeter, and plain servers of JSON objects that know no shardwire. */
import { startDaemon } from '@shardwire/testkit'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { connect, createClient, ShardwireError } from '../../src/index.ts'
import type { Connection } from '../../src/index.ts'
import { bytesOf, rejectionOf, textOf } from '../support.ts'

type Command = readonly [string, ...string[]]

const FIXTURES = join(import.meta.dirname, '../fixtures/json-server')
/** Neither number nor name: plain servers have no routes. */
const GREET = 0
const directory = mkdtempSync(join(tmpdir(), 'shardwire-json-'))
const hasGo = spawnSync('go', ['version']).status === 0

afterAll(() => {
  rmSync(directory, { recursive: true })
})

/** In Go, which is built first, where there is a go; and the same in Node, which is everywhere. */
const SERVERS = [
  { name: 'Go', isHere: hasGo, command: buildGo },
  { name: 'Node', isHere: true, command: (): Command => [process.execPath, join(FIXTURES, 'main.ts')] },
]

function buildGo(): Command {
  const output = join(directory, 'json-server')
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GO111MODULE: 'off', GOCACHE: directory }
  execFileSync('go', ['build', '-o', output, join(FIXTURES, 'main.go')], { env, stdio: 'pipe' })
  return [output]
}

class Plain implements AsyncDisposable {
  readonly port: number
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, port: number) {
    this.#process = process
    this.port = port
  }

  static async start([program, ...args]: Command, ownPort = 0): Promise<Plain> {
    const child = spawn(program, [...args, String(ownPort)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line]: unknown[] = await once(child.stdout, 'data')
    return new Plain(child, Number(String(line)))
  }

  async connect(): Promise<Connection> {
    return await connect({ host: '127.0.0.1', port: this.port, codec: 'json' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }
}

describe.each(SERVERS)('a plain server in $name', ({ name, isHere, command }) => {
  const skipped = isHere ? '' : ` (skipped: no ${name} here)`

  it.skipIf(!isHere)(
    `is asked by objects, many at once, and answers in any order${skipped}`,
    async () => {
      await using server = await Plain.start(command())
      await using connection = await server.connect()
      const later = connection.requestValue(0, 'later')
      const names = Array.from({ length: 200 }, (_, index) => `n${index} \u00fc"{}\\`)
      const answers = await Promise.all(names.map((name) => connection.requestValue(0, name)))
      expect(answers).toEqual(names.map((name) => `server: hello, ${name}`))
      expect(connection.stats.requestsInFlight).toBe(1)
      expect(await connection.requestValue(0, 'now')).toBe('server: hello, now')
      expect(await later).toBe('server: hello, later')
      const value = { list: [1, 2.5, null, true, 'x'.repeat(100_000)], deep: { deeper: {} } }
      expect(await connection.requestValue(0, value)).toEqual(value)
      expect(textOf(await connection.request(0, bytesOf('bytes')))).toBe('server: hello, bytes')
    },
    60_000,
  )

  it.skipIf(!isHere)(
    `that is killed fails what is in flight${skipped}`,
    async () => {
      const server = await Plain.start(command())
      const connection = await server.connect()
      expect(await connection.requestValue(0, 'x')).toBe('server: hello, x')
      const failing = rejectionOf(connection.requestValue(0, 'later'))
      await server[Symbol.asyncDispose]()
      expect(await failing).toMatchObject({ code: 'CONNECTION_LOST' })
      await connection.closed
    },
    60_000,
  )

  it.skipIf(!isHere)(
    `that comes back is found, and is asked again what does no harm twice${skipped}`,
    async () => {
      const program = command()
      const first = await Plain.start(program)
      const { port } = first
      await using client = createClient({
        addresses: [`127.0.0.1:${port}`],
        // One connection: what is asked later is answered by the one that it was asked on.
        ...{ connect: { codec: 'json' }, pool: { max: 1 }, idempotentRoutes: [GREET], reconnect: { maxMs: 200 } },
      })
      expect(await client.requestValue(GREET, 'you')).toBe('server: hello, you')
      const later = client.requestValue(GREET, 'later', { timeoutMs: 20_000 })
      await first[Symbol.asyncDispose]()
      await using second = await Plain.start(program, port)
      expect(second.port).toBe(port)
      const names = Array.from({ length: 100 }, (_, index) => `n${index}`)
      const answers = await Promise.all(names.map((name) => client.requestValue(GREET, name, { timeoutMs: 20_000 })))
      expect(answers).toEqual(names.map((name) => `server: hello, ${name}`))
      await client.requestValue(GREET, 'now')
      expect(await later).toBe('server: hello, later')
    },
    60_000,
  )
})

describe('the greeter of the examples', () => {
  it('greets a client, and says what it does not take', async () => {
    const service = fileURLToPath(new URL('../../../../examples/json-greeter/service.ts', import.meta.url))
    await using daemon = await startDaemon({
      ...{ SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json', SHARDWIRE_SERVICE: service, SHARDWIRE_WORKERS: '2' },
    })
    await using client = createClient({
      addresses: [`127.0.0.1:${daemon.port}`],
      ...{ connect: { codec: 'json' }, pool: { min: 2 } },
    })
    const names = Array.from({ length: 200 }, (_, index) => `n${index} \u00fc"{}`)
    const answers = await Promise.all(names.map((name) => client.requestValue(GREET, name)))
    expect(answers).toEqual(names.map((name) => `server: hello, ${name}`))
    expect(await rejectionOf(client.requestValue(GREET, ''))).toMatchObject({ name: 'BAD_BODY' })
  })
})

describe('the daemon', () => {
  it('greets over JSON, serves its other routes by name and number, and says what is wrong', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json', SHARDWIRE_WORKERS: '1' })
    const connection = await connect({ host: '127.0.0.1', port: daemon.port, codec: 'json' })
    expect(connection.welcome).toBeUndefined()
    expect(await connection.requestValue(0, 'world')).toBe('server: hello, world')
    expect(await connection.requestValue('greet', 'you')).toBe('server: hello, you')
    expect(textOf(await connection.request('echo', bytesOf('\u00fcber')))).toBe('\u00fcber')
    expect(textOf(await connection.request(1, bytesOf('by number')))).toBe('by number')
    const errors = await Promise.all([
      rejectionOf(connection.requestValue('nowhere', 1)),
      rejectionOf(connection.requestValue('fail', null)),
      rejectionOf(connection.requestValue('sleep', { ms: 5000 }, { timeoutMs: 20 })),
    ])
    expect(errors[0]).toBeInstanceOf(ShardwireError)
    expect(errors).toMatchObject([{ name: 'UNKNOWN_ROUTE' }, { name: 'HANDLER_FAILED' }, { code: 'REQUEST_TIMEOUT' }])
    connection.sendValue('greet', 'nobody waits')
    const asked = Array.from({ length: 500 }, (_, index) => connection.requestValue(0, `n${index}`))
    expect(await Promise.all(asked)).toEqual(asked.map((_, index) => `server: hello, n${index}`))
    await connection.close()
    expect(await connection.closed).toMatchObject({ end: 'closed' })
    expect(await daemon.stop()).toBe(0)
  })
})
