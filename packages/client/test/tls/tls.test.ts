/** Rules of TLS: who the server must be, which certificate is shown, sessions, files that change, and how it fails. */
import { encodeWelcome } from '@shardwire/protocol'
import { eventually, FakeClock, mustCall, ScriptedPeer, silent, TestAuthority } from '@shardwire/testkit'
import type { CertificateOptions, TestCertificate } from '@shardwire/testkit'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import type { TLSSocket, TlsOptions as ServerOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientError, connect, TlsClient } from '../../src/index.ts'
import type { Connection, TlsOptions } from '../../src/index.ts'
import { rejectionOf, WELCOME } from '../support.ts'

let authority: TestAuthority
let server: TestCertificate
const directory = mkdtempSync(join(tmpdir(), 'shardwire-client-tls-'))

beforeAll(async () => {
  authority = await TestAuthority.create()
  server = await authority.issue({ uris: ['spiffe://example.org/ns/prod/gateway'] })
})

afterAll(() => {
  rmSync(directory, { recursive: true })
})

/** A server that says WELCOME to whoever comes, and keeps what it saw. */
class Server implements AsyncDisposable {
  readonly sockets: TLSSocket[] = []
  /** The names of the clients' certificates. */
  readonly names: unknown[] = []
  readonly #server: tls.Server

  private constructor(options: ServerOptions) {
    this.#server = tls.createServer(options, (socket) => {
      this.sockets.push(socket)
      this.names.push(socket.getPeerCertificate()?.subject?.CN)
      socket.on('error', () => socket.destroy()).resume()
      socket.write(encodeWelcome(WELCOME))
    })
    this.#server.on('tlsClientError', () => undefined)
  }

  static async listen(options: ServerOptions = {}): Promise<Server> {
    const listening = new Server({ cert: server.cert, key: server.key, ...options })
    listening.#server.listen(0, '127.0.0.1')
    await once(listening.#server, 'listening')
    return listening
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  setCertificate({ cert, key }: TestCertificate): void {
    this.#server.setSecureContext({ cert, key })
  }

  async connect(options: TlsOptions | TlsClient): Promise<Connection> {
    return await connect({ host: '127.0.0.1', port: this.port, tls: options, heartbeatMs: 0 })
  }

  /** What a connection with these options fails with. */
  async refusalOf(options: TlsOptions | TlsClient): Promise<unknown> {
    return await rejectionOf(this.connect(options))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

async function closed(connection: Connection): Promise<void> {
  connection.destroy()
  await connection.closed
}

describe('a server', () => {
  it('whose certificate is good is spoken to, and the report says how', async () => {
    await using one = await Server.listen()
    const connection = await one.connect({ ca: authority.cert, serverName: 'localhost' })
    expect(connection.welcome).toEqual(WELCOME)
    expect(connection.dialed).toMatchObject({
      phases: [{ phase: 'connect' }, { phase: 'tls' }, { phase: 'hello' }],
      tls: {
        protocol: 'TLSv1.3',
        cipher: expect.stringContaining('TLS_'),
        resumed: false,
        serverSpiffeId: 'spiffe://example.org/ns/prod/gateway',
      },
    })
    await closed(connection)
  })

  it('of an unknown authority is refused, with what to do', async () => {
    await using one = await Server.listen()
    const error = await one.refusalOf({})
    expect(error).toBeInstanceOf(ClientError)
    expect(error).toMatchObject({
      ...{ code: 'TLS_FAILED', phase: 'tls', retryable: false },
      message: expect.stringContaining(
        ': tls failed (UNABLE_TO_VERIFY_LEAF_SIGNATURE: its authority is not known here: give it with ca or caFile); ',
      ),
    })
    const careless = await one.connect({ rejectUnauthorized: false })
    await closed(careless)
  })

  it('with another name is refused', async () => {
    await using one = await Server.listen()
    expect(await one.refusalOf({ ca: authority.cert, serverName: 'other.example' })).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining("Host: other.example. is not in the cert's altnames"),
    })
  })

  it('must have one of the SPIFFE IDs where any are asked for, and needs no name then', async () => {
    await using one = await Server.listen()
    const ca = authority.cert
    await closed(await one.connect({ ca, spiffeId: 'spiffe://example.org/ns/*/gateway', serverName: 'whatever' }))
    const spiffeId = ['spiffe://example.org/ns/prod/other', 'spiffe://example.com/ns/prod/gateway']
    expect(await one.refusalOf({ ca, spiffeId })).toMatchObject({
      ...{ code: 'TLS_FAILED', retryable: false },
      message: expect.stringContaining(
        `the server is spiffe://example.org/ns/prod/gateway; expected ${spiffeId.join(' or ')}`,
      ),
    })
    one.setCertificate(await authority.issue())
    expect(await one.refusalOf({ ca, spiffeId })).toMatchObject({
      message: expect.stringContaining('the server is without a SPIFFE ID'),
    })
  })

  it('whose SPIFFE ID fits but whose authority does not is refused', async () => {
    await using one = await Server.listen()
    const { cert: ca } = await TestAuthority.create('Another CA')
    expect(await one.refusalOf({ ca, spiffeId: 'spiffe://example.org/ns/prod/gateway' })).toMatchObject({
      code: 'TLS_FAILED',
    })
  })

  it('that speaks an older version is refused', async () => {
    await using one = await Server.listen({ maxVersion: 'TLSv1.2' })
    await closed(await one.connect({ ca: authority.cert }))
    expect(await one.refusalOf({ ca: authority.cert, minVersion: 'TLSv1.3' })).toMatchObject({ code: 'TLS_FAILED' })
  })

  it('that speaks no TLS is told apart from one that is not there', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const connecting = rejectionOf(connect({ host: '127.0.0.1', port: peer.port, tls: true }))
    await (await peer.nextConnection()).write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    expect(await connecting).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('what it sent is no TLS'),
    })
  })

  it('that ends the connection in the handshake may do better next time', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const connecting = rejectionOf(connect({ host: '127.0.0.1', port: peer.port, tls: true }))
    ;(await peer.nextConnection()).halfClose()
    expect(await connecting).toMatchObject({ code: 'CONNECT_FAILED', phase: 'tls', retryable: true })
  })

  it('that never answers costs the deadline, or the signal, and nothing is left', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const clock = new FakeClock()
    const target = { host: '127.0.0.1', port: peer.port, tls: true, clock }
    const late = rejectionOf(connect(target))
    const first = await peer.nextConnection()
    await first.bytesReceived(1)
    clock.advance(5000)
    expect(await late).toMatchObject({ code: 'CONNECT_TIMEOUT', phase: 'tls' })
    const controller = new AbortController()
    const aborted = rejectionOf(connect({ ...target, signal: controller.signal }))
    const second = await peer.nextConnection()
    await second.bytesReceived(1)
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'ABORTED', phase: 'tls' })
    for (const end of [first, second]) expect((await end.closed()).how).toBeDefined()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a client certificate', () => {
  it('is shown, and its lack is told with what to do', async () => {
    await using one = await Server.listen({ requestCert: true, ca: authority.cert })
    const own = await authority.issue({ name: 'device 7', hosts: [] })
    await closed(await one.connect({ ca: authority.cert, ...own }))
    expect(one.names).toEqual(['device 7'])
    expect(await one.refusalOf({ ca: authority.cert })).toMatchObject({
      ...{ code: 'TLS_FAILED', phase: 'hello' },
      message: expect.stringContaining('it wants a certificate: give one with cert and key'),
    })
  })
})

describe('sessions', () => {
  it('of one TlsClient are resumed', async () => {
    await using one = await Server.listen()
    const client = new TlsClient({ ca: authority.cert })
    const first = await one.connect(client)
    expect(first.dialed.tls?.resumed).toBe(false)
    await closed(first)
    const second = await one.connect(client)
    expect(second.dialed.tls).toMatchObject({ resumed: true, serverSpiffeId: 'spiffe://example.org/ns/prod/gateway' })
    await closed(second)
    const other = await one.connect(new TlsClient({ ca: authority.cert }))
    expect(other.dialed.tls?.resumed).toBe(false)
    await closed(other)
  })

  it('are not resumed with another name', async () => {
    await using one = await Server.listen()
    const client = new TlsClient({ ca: authority.cert })
    await closed(await one.connect(client))
    const connecting = connect({ host: 'localhost', port: one.port, tls: client, heartbeatMs: 0 })
    expect((await connecting).dialed.tls?.resumed).toBe(false)
    await closed(await connecting)
  })
})

describe('files', () => {
  function put(name: string, text: string): string {
    const path = join(directory, name)
    // As those do that mean it well: nobody reads half a file.
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
    return path
  }

  async function putOwn(options: CertificateOptions): Promise<{ readonly certFile: string; readonly keyFile: string }> {
    const own = await authority.issue({ hosts: [], ...options })
    return { certFile: put('cert.pem', own.cert), keyFile: put('key.pem', own.key) }
  }

  it('are read again when they have changed, and a session of before is not resumed', async () => {
    await using one = await Server.listen({ requestCert: true, ca: authority.cert })
    const client = new TlsClient({ caFile: put('ca.pem', authority.cert), ...(await putOwn({ name: 'first' })) })
    await closed(await one.connect(client))
    await putOwn({ name: 'second' })
    const connection = await one.connect(client)
    expect(connection.dialed.tls?.resumed).toBe(false)
    await closed(connection)
    expect(one.names).toEqual(['first', 'second'])
  })

  it('that no longer fit leave what was there before, and are told once', async () => {
    await using one = await Server.listen({ requestCert: true, ca: authority.cert })
    using stale = mustCall<[ClientError]>('onStale')
    const files = await putOwn({ name: 'good' })
    const client = new TlsClient({ ca: authority.cert, ...files, onStale: stale.call })
    await closed(await one.connect(client))
    put('key.pem', (await authority.issue()).key)
    await closed(await one.connect(client))
    await closed(await one.connect(client))
    expect(stale.calls[0]?.[0]).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('tls: certificate, key or authorities cannot be used'),
    })
    await putOwn({ name: 'good again' })
    await closed(await one.connect(client))
    expect(one.names).toEqual(['good', 'good', 'good', 'good again'])
  })

  it('that were never there end the attempt with their path', async () => {
    await using one = await Server.listen()
    const caFile = join(directory, 'none.pem')
    expect(await one.refusalOf({ caFile })).toMatchObject({
      code: 'INVALID_OPTION',
      message: `tls.caFile is ${JSON.stringify(caFile)}, which cannot be read (ENOENT)`,
    })
    await eventually(
      () => one.sockets.length === 0,
      () => 'a socket was left',
    )
  })
})
