/** The program shardwire-client as a process: commands, lines, signals, output and exit codes. */
import { KIND_CANCEL, KIND_MESSAGE, KIND_REQUEST, parseHello } from '@shardwire/protocol'
import { mustCall, ScriptedPeer, silent, startDaemon, TestAuthority, withinLimit } from '@shardwire/testkit'
import type { Daemon } from '@shardwire/testkit'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesOf, GOAWAY_BYTES, metadataOf, welcoming } from '../support.ts'

const MAIN = fileURLToPath(new URL('../../dist/bin/main.js', import.meta.url))

/** The program, running. */
class Program implements AsyncDisposable {
  out = ''
  err = ''
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown[]>
  readonly #watchers = new Set<() => void>()

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...environment } })
    this.#process = child
    this.#exited = once(child, 'close')
    const watch = (part: 'out' | 'err') => (text: string) => {
      this[part] += text
      for (const watcher of this.#watchers) watcher()
    }
    child.stdout.setEncoding('utf8').on('data', watch('out'))
    child.stderr.setEncoding('utf8').on('data', watch('err'))
  }

  type(text: string): void {
    this.#process.stdin?.write(text)
  }

  endInput(): void {
    this.#process.stdin?.end()
  }

  interrupt(): void {
    this.#process.kill('SIGINT')
  }

  /** Waits for a text in what it says. */
  async says(text: string): Promise<void> {
    const said = Promise.withResolvers<void>()
    const look = (): void => {
      if (`${this.out}${this.err}`.includes(text)) said.resolve()
    }
    this.#watchers.add(look)
    look()
    await withinLimit(said.promise, () => `no ${JSON.stringify(text)} in ${this.out}${this.err}`)
    this.#watchers.delete(look)
  }

  /** @returns the exit code, or the signal that ended it */
  async ended(): Promise<unknown> {
    const [code, signal] = await withinLimit(this.#exited, () => `it goes on: ${this.out}${this.err}`)
    return code ?? signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }
}

interface Ended {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

async function run(args: readonly string[], input?: string, environment = {}): Promise<Ended> {
  await using program = new Program(args, environment)
  if (input !== undefined) program.type(input)
  program.endInput()
  const code = await program.ended()
  return { code, out: program.out, err: program.err }
}

describe('against the daemon', () => {
  let daemon: Daemon
  let target: string

  beforeAll(async () => {
    daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
    target = `127.0.0.1:${daemon.port}`
  })

  afterAll(async () => {
    expect(await daemon.stop()).toBe(0)
  })

  it('request prints the answer to its output, and times elsewhere', async () => {
    const { code, out, err } = await run([target, 'request', '2', '{"uid":"a","val":"world"}'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ uid: 'a', val: 'server: hello, world' })
    expect(err).toMatch(/^connected to 127\.0\.0\.1:\d+: connect [\d.]+ ms, hello [\d.]+ ms\nanswered in [\d.]+ ms\n$/)
  })

  it('request takes bodies in each form, from the input too, and is quiet when told', async () => {
    expect(await run(['--quiet', '--body', 'text', target, 'request', '1', 'h\u00e9'])).toEqual({
      ...{ code: 0, out: 'h\u00e9\n', err: '' },
    })
    expect(await run(['--quiet', '--body', 'hex', target, 'request', '1', '00 ff'])).toMatchObject({ out: '00ff\n' })
    expect(await run(['--quiet', '--body', 'text', target, 'request', '1', '-'], 'from the input')).toMatchObject({
      out: 'from the input\n',
    })
    expect(await run(['--quiet', '--body', 'none', '--answer', 'hex', target, 'request', '1'])).toMatchObject({
      ...{ code: 0, out: '\n' },
    })
  })

  it.each([
    [['request', '9'], 1, /shardwire-client: UNKNOWN_ROUTE: /],
    [['request', '5'], 1, /shardwire-client: HANDLER_FAILED: /],
    // Whoever looks at the clock first says so: the client here, or the daemon, which was told the deadline.
    [
      ['--timeout-ms', '30', 'request', '4', '{"ms":60000}'],
      1,
      /REQUEST_TIMEOUT: no answer .* within 30 ms|DEADLINE_EXCEEDED: /,
    ],
    [['request', 'greet', '1'], 2, /names are for connections that speak JSON, got "greet"/],
    [['request', '2', '{bad'], 2, /^shardwire-client: the body is no JSON/],
    [['request'], 2, /^shardwire-client: request: expected a route\nshardwire-client --help/],
    [['request', '1', 'a', 'b'], 2, /expected one body, got 2; quote it/],
    [['ping', 'x'], 2, /ping: expected nothing more, got x/],
  ])('%j ends with %i and a sentence', async (words, code, err) => {
    const ended = await run([target, ...words])
    expect([ended.code, ended.out]).toEqual([code, ''])
    expect(ended.err).toMatch(err)
  })

  it('ping prints milliseconds', async () => {
    const { code, out } = await run(['--count', '3', target, 'ping'])
    expect(code).toBe(0)
    expect(out).toMatch(/^(\d+\.\d{3}\n){3}$/)
  })

  it('lines are carried out one after the other, and a wrong one does not end it', async () => {
    const lines = [
      '2 {"uid":"1","val":"x"}',
      'body text',
      'request 1 some text',
      'nonsense',
      '',
      'send 1 pushed',
      'ping',
    ]
    const { code, out, err } = await run([target], `${lines.join('\n')}\ntimeout 20\n1 after\nstats\nquit\n1 never\n`)
    expect(code).toBe(1)
    const printed = out.split('\n')
    expect(JSON.parse(printed[0] ?? '')).toMatchObject({ val: 'server: hello, x' })
    expect(printed).toEqual(expect.arrayContaining(['some text', 'after', '{"route":1,"body":"pushed"}']))
    expect(out).not.toContain('never')
    expect(err).toContain('there is no command "nonsense"; help lists all')
  })

  it('lines that all succeed end with 0, also without a newline at the end', async () => {
    expect(await run(['--quiet', '--body', 'text', target], '1 a\n1 b')).toEqual({ code: 0, out: 'a\nb\n', err: '' })
  })
})

describe('against a server that does what the test says', () => {
  it('sends metadata and token, and an interrupt cancels', async () => {
    await using peer = await ScriptedPeer.listen(welcoming())
    const args = ['--meta', 'tenant=a', '--timeout-ms', '60000', `127.0.0.1:${peer.port}`, 'request', '7', '1']
    await using program = new Program(args, { SHARDWIRE_TOKEN: 'secret' })
    const [hello, request] = await peer.frames(2)
    const { body = new Uint8Array(0) } = hello ?? {}
    expect(parseHello(body, 0, body.length)).toMatchObject({ name: 'shardwire-client', token: 'secret' })
    expect(request).toMatchObject({ kind: KIND_REQUEST, route: 7 })
    expect(request === undefined ? undefined : metadataOf(request)).toEqual({
      deadlineMs: 60_000,
      rest: { tenant: 'a' },
    })
    program.interrupt()
    expect((await peer.nextFrame()).kind).toBe(KIND_CANCEL)
    const server = await peer.nextConnection()
    await server.closed()
    expect(await program.ended()).toBe(130)
  })

  it('listen prints messages as JSON lines, and ends in order with the server', async () => {
    await using peer = await ScriptedPeer.listen(welcoming())
    await using program = new Program([`127.0.0.1:${peer.port}`, 'listen'])
    const server = await peer.nextConnection()
    await peer.nextFrame()
    await server.sendFrames({ kind: KIND_MESSAGE, route: 9, body: Uint8Array.of(0x93, 1, 0xc4, 1, 255, 0xc0) })
    await server.sendFrames({ kind: KIND_MESSAGE, route: 8, body: bytesOf('no msgpack') })
    await server.sendFrames({ kind: KIND_MESSAGE, route: 10 })
    await program.says('"route":10')
    expect(program.out.split('\n')).toEqual([
      '{"route":9,"body":[1,{"$bytes":"ff"},null]}',
      `{"route":8,"body":{"$bytes":"${Buffer.from('no msgpack').toString('hex')}"}}`,
      '{"route":10,"body":null}',
      '',
    ])
    await server.write(GOAWAY_BYTES)
    await server.closed()
    expect(await program.ended()).toBe(0)
    expect(program.err).toContain('the server is going away (restart), retry later')
  })

  it('listen prints what comes unasked over JSON too', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    await using program = new Program(['--codec', 'json', '--count', '2', `127.0.0.1:${peer.port}`, 'listen'])
    const server = await peer.nextConnection()
    await server.write(bytesOf('{"val":"hi"}{"val":{"a":[1]},"uid":"x7"}'))
    expect([await program.ended(), program.out]).toEqual([
      0,
      '{"route":0,"body":"hi"}\n{"route":0,"body":{"a":[1]},"meta":{"rest":{"uid":"x7"}}}\n',
    ])
  })

  it('says of an answer that is no msgpack how to see it', async () => {
    await using peer = await ScriptedPeer.listen(
      welcoming(async (frame, connection) => {
        if (frame.kind === KIND_REQUEST) await connection.respond(frame, bytesOf('plain text'))
      }),
    )
    const target = `127.0.0.1:${peer.port}`
    expect(await run(['--quiet', target, 'request', '1'])).toEqual({
      ...{ code: 1, out: '' },
      err: expect.stringContaining('BAD_ANSWER: the 10 bytes that came are no msgpack; --answer text or hex shows'),
    })
    expect(await run(['--quiet', '--answer', 'text', target, 'request', '1'])).toMatchObject({ out: 'plain text\n' })
  })

  it('listen ends after --count messages, by Ctrl-C with 0, and with 1 when the connection breaks', async () => {
    await using peer = await ScriptedPeer.listen(welcoming())
    const target = `127.0.0.1:${peer.port}`
    await using counted = new Program(['--count', '1', '--body', 'text', target, 'listen'])
    const first = await peer.nextConnection()
    await peer.nextFrame()
    await first.sendFrames({ kind: KIND_MESSAGE, route: 9, body: bytesOf('x') })
    await first.closed()
    expect([await counted.ended(), counted.out]).toEqual([0, '{"route":9,"body":"x"}\n'])
    await using stopped = new Program([target, 'listen'])
    const second = await peer.nextConnection()
    await stopped.says('connected to')
    stopped.interrupt()
    await second.closed()
    expect(await stopped.ended()).toBe(0)
    await using broken = new Program([target, 'listen'])
    const third = await peer.nextConnection()
    await broken.says('connected to')
    third.reset()
    expect(await broken.ended()).toBe(1)
    expect(broken.err).toContain('CONNECTION_LOST')
  })

  it('answers what the server asks, line by line, and connects anew after a loss', async () => {
    await using peer = await ScriptedPeer.listen(
      welcoming(async (frame, connection) => {
        if (frame.kind === KIND_REQUEST) await connection.respond(frame)
      }),
    )
    await using program = new Program([`127.0.0.1:${peer.port}`])
    const first = await peer.nextConnection()
    program.type('handle 40 {"celsius":20}\nstats\n')
    await program.says('requestsInFlight')
    await first.sendFrames({ kind: KIND_REQUEST, route: 40, id: 1, body: bytesOf('\u0001') })
    await program.says('{"route":40,"body":1}')
    first.reset()
    await program.says('CONNECTION_LOST')
    program.type('body text\n1 again\n')
    await program.says('again\n')
    expect(peer.connections).toHaveLength(2)
    // What was said of routes holds on.
    await peer.connections[1]?.sendFrames({ kind: KIND_REQUEST, route: 40, id: 2, body: bytesOf('who') })
    await program.says('{"route":40,"body":"who"}')
    program.endInput()
    expect(await program.ended()).toBe(0)
  })

  it('an interrupt ends the call under way, and then the program', async () => {
    await using peer = await ScriptedPeer.listen(welcoming())
    await using program = new Program([`127.0.0.1:${peer.port}`])
    program.type('timeout 60000\n1\n')
    const asked = mustCall('request', 1)
    await peer.frames(2)
    asked.call()
    program.interrupt()
    await program.says('ABORTED')
    program.interrupt()
    await (await peer.nextConnection()).closed()
    expect(await program.ended()).toBe(130)
    asked.verify()
  })
})

describe('no connection', () => {
  it.each([
    [['127.0.0.1:1', 'ping'], /CONNECT_FAILED: connection to 127\.0\.0\.1:1: connect failed \(ECONNREFUSED\); connect/],
    [['unix:/nowhere/s', 'ping'], /CONNECT_FAILED: connection to \/nowhere\/s: connect failed \(ENOENT\)/],
    [['--dns', '127.0.0.1:1', 'a.test:1', 'ping'], /resolve failed \(ECONNREFUSED\); resolve/],
    [['127.0.0.1:1'], /CONNECT_FAILED/],
  ])('%j is 3', async (args, err) => {
    const ended = await run(args, '')
    expect([ended.code, ended.out]).toEqual([3, ''])
    expect(ended.err).toMatch(err)
    expect(ended.err.match(/CONNECT_FAILED/g)).toHaveLength(1)
  })
})

describe('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'shardwire-bin-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  it('is spoken to tls://, with the authority given, or not at all', async () => {
    const authority = await TestAuthority.create()
    const server = await authority.issue({ uris: ['spiffe://example.org/gateway'] })
    const put = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    }
    const ca = put('ca.pem', authority.cert)
    await using daemon = await startDaemon({
      SHARDWIRE_LISTEN: 'tls://127.0.0.1:0',
      SHARDWIRE_TLS_CERT: put('cert.pem', server.cert),
      SHARDWIRE_TLS_KEY: put('key.pem', server.key),
      SHARDWIRE_WORKERS: '1',
    })
    const target = `tls://127.0.0.1:${daemon.port}`
    const spiffe = ['--tls-spiffe-id', 'spiffe://example.org/*']
    const good = await run(['--tls-ca', ca, ...spiffe, '--body', 'text', target, 'request', '1', 'secret'])
    expect(good).toMatchObject({
      code: 0,
      out: 'secret\n',
      err: expect.stringMatching(/with TLSv1\.3: connect .*, tls .*, hello/),
    })
    const unknown = await run([target, 'ping'])
    expect(unknown).toMatchObject({ code: 3, err: expect.stringContaining('give it with ca or caFile') })
    const other = await run(['--tls-ca', ca, '--tls-spiffe-id', 'spiffe://example.org/other', target, 'ping'])
    expect(other).toMatchObject({ code: 3, err: expect.stringContaining('the server is spiffe://example.org/gateway') })
    expect(await daemon.stop()).toBe(0)
  })
})

it('says its version, its help, and what is wrong with its arguments', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' })
  expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('exit codes: 0 done') })
  expect(await run(['h', 'call'])).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('no command "call"'),
  })
})
