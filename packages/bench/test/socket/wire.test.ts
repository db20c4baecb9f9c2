import { CallCounter, testSeed, withinLimit } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'
import net from 'node:net'
import { once } from 'node:events'

import { LocalPorts } from '../../src/socket/local-ports.ts'
import { loadRawBinding } from '../../src/socket/raw-handle.ts'
import { RawDial } from '../../src/socket/raw-wire.ts'
import { SocketDial } from '../../src/socket/socket-wire.ts'
import type { Dial, Wire } from '../../src/socket/wire.ts'

/** A server whose side of the connection the test holds. */
class Peer implements AsyncDisposable {
  readonly #server = net.createServer({ allowHalfOpen: true })
  readonly #accepted = new CallCounter<[net.Socket]>()

  static async listen(): Promise<Peer> {
    const peer = new Peer()
    peer.#server.on('connection', (socket) => peer.#accepted.call(socket))
    peer.#server.listen(0, '127.0.0.1')
    await once(peer.#server, 'listening')
    return peer
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  /** @param number from 1 */
  async socket(number = 1): Promise<net.Socket> {
    await withinLimit(this.#accepted.reached(number), () => `no connection ${number}`)
    const socket = this.#accepted.calls[number - 1]?.[0]
    if (socket === undefined) throw new Error(`no connection ${number}`)
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [socket] of this.#accepted.calls) socket.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

/** What a wire said, in order. */
class Dialed {
  readonly said: string[] = []
  readonly up = new CallCounter()
  readonly read = new CallCounter<[string]>()
  readonly drained = new CallCounter()
  readonly down = new CallCounter<[string | null]>()
  readonly wire: Wire

  constructor(dial: Dial, port: number, localAddress: string | null = null) {
    this.wire = dial.dial(
      { host: '127.0.0.1', port, localAddress },
      {
        onUp: () => this.up.call(),
        onRead: (bytes) => this.read.call(Buffer.from(dial.slab.subarray(0, bytes)).toString('latin1')),
        onDrained: () => this.drained.call(),
        onDown: (code) => this.down.call(code),
      },
    )
  }
}

/** Ports of this address, one behind the other, that nobody has. */
async function freePorts(address: string, count: number): Promise<number[]> {
  for (let first = testSeed('free ports').integer(20_000, 30_000); first < 60_000; first += count) {
    const ports = Array.from({ length: count }, (_, index) => first + index)
    const taken = await Promise.all(ports.map((port) => isTaken(address, port)))
    if (!taken.includes(true)) return ports
  }
  throw new Error('no free ports')
}

async function isTaken(address: string, port: number): Promise<boolean> {
  const server = net.createServer()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  server.once('error', () => resolve(true))
  server.listen(port, address, () => server.close(() => resolve(false)))
  return await promise
}

const KINDS = ['raw', 'socket'] as const

/** @param range of ports, where it matters which ones are taken */
function dialOf(kind: (typeof KINDS)[number], slabBytes = 65_536, range?: string): Dial {
  const ports = new LocalPorts(range, () => 0)
  const slab = new Uint8Array(slabBytes)
  const binding = loadRawBinding()
  if (binding === undefined) throw new Error('this Node has no raw handles')
  return kind === 'raw' ? new RawDial(binding, slab, ports) : new SocketDial(slab, ports)
}

describe.each(KINDS)('a %s wire', (kind) => {
  test('comes up, reads into the slab, and goes down when the other end closes', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind), peer.port)
    const socket = await peer.socket()
    await withinLimit(dialed.up.reached(1), () => 'not up')
    socket.write('hello')
    await withinLimit(dialed.read.reached(1), () => 'nothing read')
    expect(dialed.read.calls).toEqual([['hello']])
    socket.end()
    await withinLimit(dialed.down.reached(1), () => 'not down')
    expect(dialed.down.calls).toEqual([[null]])
  })

  test('says why it went down', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind), peer.port)
    ;(await peer.socket()).resetAndDestroy()
    await withinLimit(dialed.down.reached(1), () => 'not down')
    expect(dialed.down.calls).toEqual([['ECONNRESET']])
  })

  test('that nobody listens for never comes up', async () => {
    const peer = await Peer.listen()
    const { port } = peer
    await peer[Symbol.asyncDispose]()
    const dialed = new Dialed(dialOf(kind), port)
    await withinLimit(dialed.down.reached(1), () => 'not down')
    expect(dialed.down.calls).toEqual([['ECONNREFUSED']])
    expect(dialed.up.count).toBe(0)
  })

  test('connects from the address that it is told', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind), peer.port, '127.99.88.77')
    expect((await peer.socket()).remoteAddress).toBe('127.99.88.77')
    dialed.wire.close()
    await withinLimit(dialed.down.reached(1), () => 'not down')
  })

  test('takes another port where the first is taken, by itself or a listener, and fails with none left', async () => {
    await using peer = await Peer.listen()
    const source = '127.99.88.76'
    const free = await freePorts(source, 3)
    const [first = 0, , last = 0] = free
    const dial = dialOf(kind, 65_536, `${first} ${last}`)
    const blocker = net.createServer()
    blocker.listen(free[1], source)
    await once(blocker, 'listening')
    const dialed = [new Dialed(dial, peer.port, source), new Dialed(dial, peer.port, source)]
    const sockets = [await peer.socket(), await peer.socket(2)]
    expect(new Set(sockets.map(({ remotePort }) => remotePort))).toEqual(new Set([first, last]))
    const late = new Dialed(dial, peer.port, source)
    await withinLimit(late.down.reached(1), () => 'not down')
    expect(['EADDRINUSE', 'EADDRNOTAVAIL']).toContain(late.down.calls[0]?.[0])
    for (const { wire } of dialed) wire.close()
    blocker.close()
    await once(blocker, 'close')
  })

  test('from an address that is not ours fails, and only afterwards', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind), peer.port, '203.0.113.9')
    expect(dialed.down.count).toBe(0)
    await withinLimit(dialed.down.reached(1), () => 'not down')
    expect(dialed.down.calls).toEqual([['EADDRNOTAVAIL']])
  })

  test('says when the kernel took less than all, and when it has taken the rest', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind), peer.port)
    const socket = await peer.socket()
    await withinLimit(dialed.up.reached(1), () => 'not up')
    const large = Buffer.alloc(32 * 1024 * 1024, 7)
    expect(dialed.wire.write(Buffer.from('a'))).toBe(true)
    expect(dialed.wire.write(large)).toBe(false)
    expect(dialed.wire.write(Buffer.from('z'))).toBe(false)
    let bytes = 0
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
    await withinLimit(dialed.drained.reached(1), () => 'not drained')
    dialed.wire.close()
    await once(socket, 'end')
    expect(bytes).toBe(large.length + 2)
    expect(dialed.drained.count).toBe(1)
  })

  test('reads no more than one slab once it is paused, and the rest later', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind, 1000), peer.port)
    const socket = await peer.socket()
    await withinLimit(dialed.up.reached(1), () => 'not up')
    dialed.wire.pause()
    socket.write(Buffer.alloc(5000, 'x'))
    for (let reads = 1; reads <= 5; reads++) {
      dialed.wire.resume()
      await withinLimit(dialed.read.reached(reads), () => `no read ${reads}`)
      dialed.wire.pause()
    }
    expect(dialed.read.calls.map(([text]) => text.length).reduce((sum, one) => sum + one, 0)).toBe(5000)
  })

  test('that was reset resets the other end, and says nothing but that it is down', async () => {
    await using peer = await Peer.listen()
    const dialed = new Dialed(dialOf(kind), peer.port)
    const socket = await peer.socket()
    await withinLimit(dialed.up.reached(1), () => 'not up')
    const failed = once(socket, 'error')
    socket.resume()
    dialed.wire.reset()
    expect(dialed.wire.write(Buffer.from('late'))).toBe(true)
    dialed.wire.close()
    dialed.wire.reset()
    const [error] = (await failed) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    await withinLimit(dialed.down.reached(1), () => 'not down')
    expect(dialed.down.calls).toEqual([[null]])
  })
})
