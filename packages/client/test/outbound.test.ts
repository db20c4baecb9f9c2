/** Rules of the way from frames to the socket. */
import { encodeFrame, KIND_MESSAGE, KIND_REQUEST } from '@shardwire/protocol'
import { duplexPair, FrameReader, joinBytes, nextTurn, withSeed } from '@shardwire/testkit'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { Outbound } from '../src/outbound.ts'

const NO_BYTES = new Uint8Array(0)
const LIMITS = { target: 'h:1', highWaterBytes: 1000, maxBufferedBytes: 5000 }

/** Takes everything at once, as a kernel with room does, and keeps each write. */
class EagerSocket extends Writable {
  readonly writes: Buffer[] = []
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(Buffer.from(chunk))
    done()
  }
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)))
    done()
  }
}

/** Takes one write and then nothing until `release`. */
class StuckSocket extends Writable {
  readonly written: Buffer[] = []
  release: () => void = () => undefined
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(Buffer.from(chunk))
    this.release = done
  }
}

async function ticked(): Promise<void> {
  await nextTurn()
}

it('batches the frames of one tick into one write', async () => {
  const socket = new EagerSocket()
  const outbound = new Outbound(socket, LIMITS)
  for (let id = 1; id <= 3; id++) outbound.frame(KIND_REQUEST, 5, id, Uint8Array.of(0x80), Buffer.from('abc'))
  outbound.bytes(encodeFrame({ kind: KIND_MESSAGE, route: 9 }))
  expect(socket.writes).toEqual([])
  await ticked()
  expect(socket.writes).toHaveLength(1)
  const frames = [1, 2, 3].map((id) =>
    encodeFrame({ kind: KIND_REQUEST, route: 5, id, meta: Uint8Array.of(0x80), body: Buffer.from('abc') }),
  )
  expect(joinBytes(socket.writes)).toEqual(joinBytes([...frames, encodeFrame({ kind: KIND_MESSAGE, route: 9 })]))
  expect(outbound.bytesUnsent).toBe(0)
})

it('batches the frames that continuations of one turn add', async () => {
  const socket = new EagerSocket()
  const outbound = new Outbound(socket, LIMITS)
  const send = async (id: number): Promise<void> => {
    await Promise.resolve()
    outbound.frame(KIND_REQUEST, 1, id, NO_BYTES, NO_BYTES)
    await Promise.resolve()
    outbound.frame(KIND_REQUEST, 1, id + 10, NO_BYTES, NO_BYTES)
  }
  await Promise.all([send(1), send(2)])
  await ticked()
  expect(socket.writes).toHaveLength(1)
})

it('copies what it is given', async () => {
  const socket = new EagerSocket()
  const outbound = new Outbound(socket, LIMITS)
  const body = Buffer.from('abc')
  outbound.frame(KIND_MESSAGE, 1, 0, NO_BYTES, body)
  body.fill(0)
  await ticked()
  expect(joinBytes(socket.writes)).toEqual(encodeFrame({ kind: KIND_MESSAGE, route: 1, body: Buffer.from('abc') }))
})

it('gathers what the kernel does not take, and writes it whole and in order once it does', async () => {
  const socket = new StuckSocket()
  const outbound = new Outbound(socket, LIMITS)
  for (let id = 1; id <= 40; id++) {
    outbound.frame(KIND_REQUEST, 1, id, NO_BYTES, new Uint8Array(100).fill(id))
    await ticked()
  }
  expect(socket.written).toHaveLength(1)
  expect(outbound.bytesUnsent).toBe(40 * 114)
  while (outbound.bytesUnsent > 0) {
    socket.release()
    await ticked()
  }
  // The first frame alone, then all the others, slab by slab.
  expect(socket.written.length).toBeLessThan(6)
  const reader = new FrameReader()
  reader.feed(joinBytes(socket.written))
  expect(reader.frames.map((frame) => frame.id)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
  expect(reader.broken).toBeUndefined()
})

it('never writes into a slab that the socket still holds', async () => {
  const socket = new StuckSocket()
  const kept: Uint8Array[] = []
  socket._write = (chunk: Uint8Array, _encoding, done) => {
    kept.push(chunk)
    socket.release = done
  }
  const outbound = new Outbound(socket, LIMITS)
  outbound.frame(KIND_REQUEST, 1, 1, NO_BYTES, Buffer.from('first'))
  await ticked()
  const before = Buffer.from(kept[0] ?? NO_BYTES)
  outbound.frame(KIND_REQUEST, 1, 2, NO_BYTES, Buffer.from('second'))
  await ticked()
  expect(Buffer.from(kept[0] ?? NO_BYTES)).toEqual(before)
})

it('asks callers to wait from the high water mark on, and lets them go on below it', async () => {
  const socket = new StuckSocket()
  const outbound = new Outbound(socket, LIMITS)
  outbound.frame(KIND_MESSAGE, 1, 0, NO_BYTES, new Uint8Array(900))
  expect(outbound.isBelowHighWater).toBe(true)
  await outbound.drained()
  outbound.frame(KIND_MESSAGE, 1, 0, NO_BYTES, new Uint8Array(200))
  expect(outbound.isBelowHighWater).toBe(false)
  expect([outbound.hasRoom(3870), outbound.hasRoom(3881)]).toEqual([true, false])
  const drained = outbound.drained()
  await ticked()
  socket.release()
  await drained
  expect(outbound.bytesUnsent).toBeLessThan(LIMITS.highWaterBytes)
})

it('rejects those who wait when it fails, and drops what comes after', async () => {
  const socket = new StuckSocket()
  const outbound = new Outbound(socket, LIMITS)
  outbound.frame(KIND_MESSAGE, 1, 0, NO_BYTES, new Uint8Array(2000))
  const drained = outbound.drained()
  outbound.fail(new Error('gone'))
  await expect(drained).rejects.toThrow('gone')
  outbound.frame(KIND_MESSAGE, 1, 0, NO_BYTES, NO_BYTES)
  await ticked()
  expect(socket.written).toEqual([])
})

it('sends FIN behind everything that waits', async () => {
  const [near, far] = duplexPair({ highWaterMark: 16 })
  const outbound = new Outbound(near, LIMITS)
  for (let id = 1; id <= 20; id++) outbound.frame(KIND_REQUEST, 1, id, NO_BYTES, new Uint8Array(200))
  outbound.end()
  outbound.end()
  const reader = new FrameReader()
  far.on('data', (chunk: Buffer) => reader.feed(chunk))
  await once(far, 'end')
  expect(reader.frames).toHaveLength(20)
})

it('carries frames of any size over a transport of any size', async () => {
  await withSeed('frames of any size', async (random) => {
    const [near, far] = duplexPair({ highWaterMark: random.integer(1, 20_000) })
    const outbound = new Outbound(near, { target: 'h:1', highWaterBytes: 1, maxBufferedBytes: 1e9 })
    const reader = new FrameReader()
    far.on('data', (chunk: Buffer) => reader.feed(chunk))
    const bodies = Array.from({ length: 50 }, () => random.bytes(random.pick([0, 1, 95, 97, 2000, 30_000])))
    for (const [index, body] of bodies.entries()) {
      outbound.frame(KIND_REQUEST, 1, index + 1, NO_BYTES, body)
      if (random.next() < 0.5) await outbound.drained()
    }
    outbound.end()
    await once(far, 'end')
    expect(reader.frames.map((frame) => frame.body)).toEqual(bodies)
  })
})
