import net from 'node:net'
import { once } from 'node:events'
import { encodeFrame } from '@shardwire/protocol'
import { nextTurn, RawClient, WaitQueue } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { configureSocket, socketTransport } from '../../src/transport/socket-transport.ts'
import type { SocketSettings, Transport, TransportEvents } from '../../src/transport/transport.ts'

const SETTINGS: SocketSettings = { nodelay: true, keepaliveMs: 0, keepaliveIntervalMs: 75_000, keepaliveProbes: 9 }
/** More than any kernel buffers for a loopback connection, as frames, so that the client need not keep a cut one. */
const FRAME = encodeFrame({ kind: 0, route: 1, body: new Uint8Array(60_000) })
const MUCH = Buffer.concat(Array.from({ length: 300 }, () => FRAME))

/** A transport over one end of a real connection, and a client at the other. */
class Pair implements AsyncDisposable, TransportEvents<string> {
  readonly transport: Transport<string>
  readonly client: RawClient
  readonly socket: net.Socket
  /** Names of events, as they come. */
  readonly events = new WaitQueue<string>('event')
  readonly told: string[] = []
  /** All bytes that came. */
  received = Buffer.alloc(0)
  readonly #server: net.Server

  private constructor(server: net.Server, socket: net.Socket, client: RawClient) {
    this.#server = server
    this.socket = socket
    this.client = client
    configureSocket(socket, SETTINGS)
    this.transport = socketTransport(socket, this)
    this.transport.owner = 'me'
  }

  static async open(): Promise<Pair> {
    const server = net
      .createServer({ pauseOnConnect: true, allowHalfOpen: true })
      .listen({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    const accepted = once(server, 'connection') as Promise<[net.Socket]>
    const client = await RawClient.connect((server.address() as net.AddressInfo).port)
    const [socket] = await accepted
    return new Pair(server, socket, client)
  }

  onLanded(): undefined {
    this.#tell('landed')
  }
  onChunk(_owner: string, chunk: Uint8Array): void {
    this.received = Buffer.concat([this.received, chunk])
    this.#tell('chunk')
  }
  onEnd(): void {
    this.#tell('end')
  }
  onDrain(): void {
    this.#tell('drain')
  }
  onFinished(): void {
    this.#tell('finished')
  }
  onClosed(): void {
    this.#tell('closed')
  }
  #tell(event: string): void {
    this.told.push(event)
    this.events.put(event)
  }

  /** Waits until `event` comes; those before it are passed over. */
  async until(event: string): Promise<void> {
    while ((await this.events.take()) !== event);
  }

  /** Writes a block that the kernel cannot take while the client does not read. */
  fill(): void {
    this.client.pause()
    expect(this.transport.write(MUCH, 0, MUCH.length)).toBe(false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy()
    this.socket.destroy()
    this.#server.close()
    await Promise.all([this.client.gone, once(this.#server, 'close')])
  }
}

describe('reading', () => {
  it('begins with start: what came before waits in the socket, whole', async () => {
    await using pair = await Pair.open()
    await pair.client.write(Buffer.from('early'))
    expect(pair.told).toEqual([])
    pair.transport.start()
    pair.transport.resume()
    await pair.until('chunk')
    expect(pair.received.toString()).toBe('early')
  })

  it('while paused nothing is told, not even FIN; resume tells all of it in order', async () => {
    await using pair = await Pair.open()
    pair.transport.start()
    pair.transport.pause()
    await pair.client.write(Buffer.from('held'))
    pair.client.halfClose()
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    expect(pair.told).toEqual([])
    pair.transport.resume()
    await pair.until('end')
    expect([pair.received.toString(), pair.told]).toEqual(['held', ['chunk', 'end']])
  })
})

describe('writing', () => {
  it('what the kernel takes at once leaves the block free at once, without an event', async () => {
    await using pair = await Pair.open()
    expect(pair.transport.write(Buffer.from('--abc--'), 2, 5)).toBe(true)
    expect([pair.transport.unsentBytes, pair.transport.takenBytes]).toEqual([0, 3])
    expect(Buffer.from(await pair.client.bytesReceived(3)).toString()).toBe('abc')
    expect(pair.told).toEqual([])
  })

  it('what it does not take drains once, when the last of several writes has left', async () => {
    await using pair = await Pair.open()
    pair.fill()
    const { unsentBytes, takenBytes } = pair.transport
    expect(unsentBytes).toBeGreaterThan(0)
    expect(unsentBytes + takenBytes).toBe(MUCH.length)
    expect(pair.transport.write(MUCH, 0, MUCH.length)).toBe(false)
    pair.client.resume()
    await pair.until('drain')
    expect([pair.transport.unsentBytes, pair.transport.takenBytes]).toEqual([0, 2 * MUCH.length])
    expect(pair.told).toEqual(['drain'])
    await pair.client.frames(600)
  })

  it('takenBytes grows while the peer reads, before anything drains', async () => {
    await using pair = await Pair.open()
    pair.fill()
    const before = pair.transport.takenBytes
    pair.client.resume()
    await pair.client.bytesReceived(before + 1)
    pair.client.pause()
    expect(pair.transport.takenBytes).toBeGreaterThanOrEqual(before)
    expect(pair.transport.takenBytes + pair.transport.unsentBytes).toBe(MUCH.length)
  })

  it('a peer that resets while bytes are unsent is told as closed, once, and never as drained', async () => {
    await using pair = await Pair.open()
    pair.transport.start()
    pair.fill()
    pair.client.reset()
    await pair.until('closed')
    await nextTurn()
    expect(pair.told).toEqual(['closed'])
    expect(pair.transport.isWritable).toBe(false)
  })
})

describe('ending', () => {
  it('a FIN of the peer leaves our side open: answers still arrive, then our own FIN', async () => {
    await using pair = await Pair.open()
    pair.transport.start()
    pair.transport.resume()
    pair.client.halfClose()
    await pair.until('end')
    expect(pair.transport.isWritable).toBe(true)
    pair.transport.write(Buffer.from('answer'), 0, 6)
    pair.transport.end()
    expect([pair.transport.isWritable, pair.transport.isEnding]).toEqual([false, true])
    expect((await pair.client.closed()).how).toBe('end')
    expect(Buffer.from(pair.client.bytes).toString()).toBe('answer')
    await pair.until('closed')
    expect(pair.told).toEqual(['end', 'finished', 'closed'])
  })

  it('reset is felt by the peer as a reset', async () => {
    await using pair = await Pair.open()
    pair.transport.reset()
    expect((await pair.client.gone).how).toBe('reset')
    await pair.until('closed')
  })

  it('a reset between end and its FIN leaving destroys: no descriptor is lost', async () => {
    await using pair = await Pair.open()
    pair.fill()
    pair.socket.resetAndDestroy = () => {
      throw new Error('reset while it shuts down')
    }
    pair.transport.end()
    pair.transport.reset()
    await pair.until('closed')
    expect([pair.socket.destroyed, pair.told]).toEqual([true, ['closed']])
  })

  it('close is a FIN to a peer that sent nothing, and nothing is told after closed', async () => {
    await using pair = await Pair.open()
    pair.transport.start()
    pair.transport.close()
    pair.transport.close()
    await pair.until('closed')
    expect((await pair.client.closed()).how).toBe('end')
    pair.socket.emit('end')
    pair.transport.reset()
    expect(pair.told).toEqual(['closed'])
    expect(pair.transport.owner).toBeUndefined()
  })
})
