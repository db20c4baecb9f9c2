/** Rules of the fault proxy, over real sockets; time is a fake clock's, so that a delay is known and not waited for. */
import { encodeFrame, KIND_MESSAGE } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { nextTurn } from '../src/clock.ts'
import { FakeClock } from '../src/fake-clock.ts'
import { FaultProxy, type ProxiedConnection } from '../src/fault-proxy.ts'
import { Random, withSeed } from '../src/random.ts'
import { RawClient } from '../src/raw-client.ts'
import { echo, type PeerConnection, ScriptedPeer } from '../src/scripted-peer.ts'
import { joinBytes } from '../src/splits.ts'

/** A client, a proxy and a server, connected. */
class Line implements AsyncDisposable {
  readonly peer: ScriptedPeer
  readonly proxy: FaultProxy
  readonly client: RawClient
  readonly proxied: ProxiedConnection
  readonly server: PeerConnection

  private constructor(
    peer: ScriptedPeer,
    proxy: FaultProxy,
    client: RawClient,
    proxied: ProxiedConnection,
    server: PeerConnection,
  ) {
    this.peer = peer
    this.proxy = proxy
    this.client = client
    this.proxied = proxied
    this.server = server
  }

  static async open(random: Random, clock?: FakeClock): Promise<Line> {
    const peer = await ScriptedPeer.listen()
    const proxy = await FaultProxy.listen({ port: peer.port, random, ...(clock === undefined ? {} : { clock }) })
    const client = await RawClient.connect(proxy.port)
    return new Line(peer, proxy, client, await proxy.nextConnection(), await peer.nextConnection())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
    await this.peer[Symbol.asyncDispose]()
  }
}

const TEN = Uint8Array.from({ length: 10 }, (_, index) => index)

describe('without faults', () => {
  it('bytes pass both ways, and FIN behind them, each direction for itself', async () => {
    await withSeed('proxy', async (random) => {
      await using line = await Line.open(random)
      const { client, server } = line
      const up = random.bytes(700_000)
      const down = random.bytes(300_000)
      const sent = Promise.all([client.write(up), server.write(down)])
      expect(Buffer.compare(await server.bytesReceived(up.length), up)).toBe(0)
      expect(Buffer.compare(await client.bytesReceived(down.length), down)).toBe(0)
      await sent
      client.halfClose()
      const serverEnd = server.closed()
      await server.write(TEN)
      expect((await serverEnd).how).toBe('end')
      expect((await client.closed()).how).toBe('end')
      expect(client.bytes).toHaveLength(down.length + TEN.length)
      await line.proxied.gone
      expect(line.proxy.connections.size).toBe(0)
    })
  })

  it('a reset of one end is a reset of the other', async () => {
    await using line = await Line.open(new Random(1))
    line.client.reset()
    expect((await line.server.gone).how).toBe('reset')
    await using other = await Line.open(new Random(1))
    other.server.reset()
    expect((await other.client.gone).how).toBe('reset')
  })

  it('a server that is not there is a reset', async () => {
    const peer = await ScriptedPeer.listen()
    await using proxy = await FaultProxy.listen({ port: peer.port, random: new Random(1) })
    await peer[Symbol.asyncDispose]()
    await using client = await RawClient.connect(proxy.port)
    expect((await client.gone).how).toBe('reset')
  })

  it('an end that does not read holds up the other, and loses nothing', async () => {
    await using line = await Line.open(new Random(1))
    line.server.pause()
    const bytes = new Random(2).bytes(500_000)
    const large = joinBytes(Array.from({ length: 8 }, () => bytes))
    const written = line.client.write(large)
    line.server.resume()
    expect(Buffer.compare(await line.server.bytesReceived(large.length), large)).toBe(0)
    await written
  })
})

describe('delay and throttle', () => {
  it('hold bytes back until their time, and the other direction not at all', async () => {
    const clock = new FakeClock()
    await using line = await Line.open(new Random(1), clock)
    line.proxied.toServer.set({ delayMs: 100 })
    await line.client.write(TEN)
    await line.server.write(TEN)
    await line.client.bytesReceived(10)
    // What was sent back has passed through the proxy's loop, so what was sent first has come to it.
    while (clock.pendingTimers === 0) await nextTurn()
    clock.advance(99)
    expect(line.proxied.toServer.forwardedBytes).toBe(0)
    clock.advance(1)
    expect(await line.server.bytesReceived(10)).toEqual(TEN)
  })

  it('jitter never lets bytes overtake each other', async () => {
    await withSeed('jitter', async (random) => {
      const clock = new FakeClock()
      await using line = await Line.open(random, clock)
      line.proxied.toServer.set({ delayMs: 5, jitterMs: 50 })
      const bytes = random.bytes(200)
      for (const byte of bytes) {
        await line.client.write(Uint8Array.of(byte))
        clock.advance(1)
        await nextTurn()
      }
      while (line.proxied.toServer.forwardedBytes < bytes.length) {
        clock.advance(5)
        await nextTurn()
      }
      expect(await line.server.bytesReceived(bytes.length)).toEqual(bytes)
    })
  })

  it('a throttled direction lets through what its rate allows', async () => {
    const clock = new FakeClock()
    await using line = await Line.open(new Random(1), clock)
    line.proxied.toServer.set({ bytesPerSecond: 1000 })
    await line.client.write(new Uint8Array(500))
    while (clock.pendingTimers === 0) await nextTurn()
    clock.advance(200)
    expect(line.proxied.toServer.forwardedBytes).toBe(220)
    line.proxied.toServer.clear()
    clock.advance(20)
    await line.server.bytesReceived(500)
  })
})

describe('torn, corrupted, cut', () => {
  it('single bytes make the same stream', async () => {
    await using line = await Line.open(new Random(1))
    line.peer.script = echo
    line.proxied.set({ toServer: { pieceBytesMax: 1 }, toClient: { pieceBytesMax: 3 } })
    const message = encodeFrame({ kind: KIND_MESSAGE, route: 1, body: new Uint8Array(200) })
    await line.client.write(message)
    expect((await line.client.nextFrame()).bytes).toEqual(message)
  })

  it('flips about as many bits as asked for, the same ones for the same seed', async () => {
    const damaged = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        await using line = await Line.open(new Random(seed))
        line.proxied.toServer.set({ corruptEveryBytes: 100 })
        await line.client.write(new Uint8Array(20_000))
        const bytes = new Uint8Array(await line.server.bytesReceived(20_000))
        expect(bytes.filter((byte) => byte !== 0).length).toBe(line.proxied.toServer.bitsFlipped)
        expect(line.proxied.toServer.bitsFlipped).toBeGreaterThan(100)
        expect(line.proxied.toServer.bitsFlipped).toBeLessThan(400)
        return bytes
      }),
    )
    expect(damaged[0]).toEqual(damaged[1])
    expect(damaged[0]).not.toEqual(damaged[2])
  })

  it('flips one bit of the next byte, and then no more', async () => {
    await using line = await Line.open(new Random(1))
    line.proxied.toServer.corruptNext()
    await line.client.write(TEN)
    const first = await line.server.bytesReceived(10)
    expect(first.subarray(1)).toEqual(TEN.subarray(1))
    expect(first[0]).not.toBe(0)
    await line.client.write(TEN)
    expect((await line.server.bytesReceived(20)).subarray(10)).toEqual(TEN)
  })

  it('resets both ends behind a certain byte', async () => {
    await using line = await Line.open(new Random(1))
    line.proxied.toServer.cutAt(4, 'reset')
    await line.client.write(TEN)
    expect((await line.client.gone).how).toBe('reset')
    expect((await line.server.gone).how).toBe('reset')
    expect(line.server.bytes.length).toBeLessThanOrEqual(4)
  })

  it('ends one direction behind a certain byte, while the other goes on', async () => {
    await using line = await Line.open(new Random(1))
    line.proxied.toServer.cutAt(4, 'end')
    await line.client.write(TEN)
    const ended = new Promise((resolve) => line.server.socket.once('end', resolve))
    expect(await line.server.bytesReceived(4)).toEqual(TEN.subarray(0, 4))
    await ended
    await line.server.write(TEN)
    expect(await line.client.bytesReceived(10)).toEqual(TEN)
  })
})

describe('a black hole', () => {
  it('lets neither bytes nor FIN nor reset through, and gives what it held when it is healed', async () => {
    await using line = await Line.open(new Random(1))
    line.proxied.blackHole()
    expect(line.proxied.isHole).toBe(true)
    await line.server.write(TEN)
    line.server.reset()
    await line.server.gone
    await line.client.write(TEN)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    expect([line.client.bytes.length, line.client.socket.destroyed]).toEqual([0, false])
    line.proxied.heal()
    expect((await line.client.gone).how).toBe('reset')
  })

  it('may open behind a certain byte; what came before it has gone on', async () => {
    await using line = await Line.open(new Random(1))
    line.proxied.toClient.cutAt(4, 'hole')
    await line.server.write(TEN)
    line.server.halfClose()
    expect(await line.client.bytesReceived(4)).toEqual(TEN.subarray(0, 4))
    line.proxied.heal()
    expect(await line.client.bytesReceived(10)).toEqual(TEN)
    expect((await line.client.closed()).how).toBe('end')
  })
})

describe('programming', () => {
  it('each connection begins with the proxy’s faults, and can be given its own before a byte is read', async () => {
    await using peer = await ScriptedPeer.listen(echo)
    await using proxy = await FaultProxy.listen({
      port: peer.port,
      random: new Random(1),
      onConnection: (connection, index) => {
        if (index === 1) connection.toServer.cutAt(1, 'reset')
      },
    })
    proxy.faults = { toClient: { pieceBytesMax: 2 } }
    await using first = await RawClient.connect(proxy.port)
    expect((await proxy.nextConnection()).toClient.faults.pieceBytesMax).toBe(2)
    await using second = await RawClient.connect(proxy.port)
    second.socket.write(TEN)
    expect((await second.gone).how).toBe('reset')
    await first.sendFrames({ kind: KIND_MESSAGE, route: 1, body: TEN })
    expect((await first.nextFrame()).body).toEqual(TEN)
  })
})
