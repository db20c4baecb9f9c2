/** Rules of the memory that connections share to write in: nobody writes into what another's socket still reads. */
import { encodeFrame, KIND_MESSAGE } from '@shardwire/protocol'
import { joinBytes, nextTurn, withSeed } from '@shardwire/testkit'
import type { Random } from '@shardwire/testkit'
import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { Outbound } from '../src/outbound.ts'
import { BLOCK_BYTES, NO_BLOCK, WriteBlocks } from '../src/write-blocks.ts'

const LIMITS = { target: 'h:1', highWaterBytes: 1e9, maxBufferedBytes: 1e9 }
const NO_BYTES = new Uint8Array(0)

/** Takes a write at once or later, as it is told, and reads the memory only then. */
class LateSocket extends Writable {
  isLate = false
  readonly taken: Buffer[] = []
  #waiting: (() => void) | undefined
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take([chunk], done)
  }
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }
  release(): void {
    const take = this.#waiting
    this.#waiting = undefined
    take?.()
  }
  #take(chunks: readonly Buffer[], done: () => void): void {
    const take = (): void => {
      this.taken.push(...chunks.map((chunk) => Buffer.from(chunk)))
      done()
    }
    if (this.isLate) this.#waiting = take
    else take()
  }
}

class Line {
  readonly socket = new LateSocket()
  readonly expected: Uint8Array[] = []
  readonly #outbound: Outbound
  #frames = 0

  constructor(blocks: WriteBlocks) {
    this.#outbound = new Outbound(this.socket, LIMITS, blocks)
  }

  send(bytes: number): void {
    const body = new Uint8Array(bytes).fill(++this.#frames)
    this.expected.push(encodeFrame({ kind: KIND_MESSAGE, route: 1, body }))
    this.#outbound.frame(KIND_MESSAGE, 1, 0, NO_BYTES, body)
  }

  get bytesUnsent(): number {
    return this.#outbound.bytesUnsent
  }

  fail(): void {
    this.#outbound.fail(new Error('over'))
  }

  release(): void {
    this.#outbound.release()
  }
}

async function ofLines(random: Random): Promise<void> {
  const blocks = new WriteBlocks(Buffer.alloc(2 * BLOCK_BYTES))
  const lines = Array.from({ length: 4 }, () => new Line(blocks))
  let heldMost = 0
  for (let step = 0; step < 400; step++) {
    const line = random.pick(lines)
    line.socket.isLate = random.next() < 0.5
    const most = random.pick([50, 50, 50, 3000, 10_000])
    for (let count = random.integer(1, 20); count > 0; count--) line.send(random.integer(0, most))
    heldMost = Math.max(heldMost, 2 - blocks.free)
    if (random.next() < 0.7) await nextTurn()
    random.pick(lines).socket.release()
    if (random.next() < 0.3) await nextTurn()
  }
  for (const { socket } of lines) socket.isLate = false
  while (lines.some((line) => line.bytesUnsent > 0)) {
    for (const { socket } of lines) socket.release()
    await nextTurn()
  }
  for (const { socket, expected } of lines) {
    expect(Buffer.compare(joinBytes(socket.taken), joinBytes(expected))).toBe(0)
  }
  expect([heldMost, blocks.free]).toEqual([2, 2])
}

it('what a socket takes late is what was written, whoever wrote meanwhile, and all blocks come back', async () => {
  await withSeed('write blocks', async (random) => {
    for (let round = 0; round < 10; round++) await ofLines(random)
  })
})

it('a connection that ends keeps its block until its socket is gone', async () => {
  const blocks = new WriteBlocks(Buffer.alloc(BLOCK_BYTES))
  const [one, other] = [new Line(blocks), new Line(blocks)]
  one.socket.isLate = true
  one.send(100)
  await nextTurn()
  one.fail()
  expect(blocks.free).toBe(0)
  other.send(100)
  await nextTurn()
  one.socket.release()
  expect(joinBytes(one.socket.taken)).toEqual(joinBytes(one.expected))
  expect(joinBytes(other.socket.taken)).toEqual(joinBytes(other.expected))
  one.release()
  one.release()
  expect(blocks.free).toBe(1)
})

it('does without where there is none', async () => {
  const blocks = new WriteBlocks(new Uint8Array(0))
  expect([blocks.free, blocks.take()]).toEqual([0, NO_BLOCK])
  const line = new Line(blocks)
  line.send(100)
  await nextTurn()
  expect(joinBytes(line.socket.taken)).toEqual(joinBytes(line.expected))
})

it('is not left behind half written by a body whose memory is gone', async () => {
  const blocks = new WriteBlocks(Buffer.alloc(2 * BLOCK_BYTES))
  const [one, other] = [new LateSocket(), new LateSocket()]
  const [first, second] = [new Outbound(one, LIMITS, blocks), new Outbound(other, LIMITS, blocks)]
  const gone = new Uint8Array(10)
  structuredClone(gone, { transfer: [gone.buffer] })
  first.frame(KIND_MESSAGE, 1, 0, NO_BYTES, new Uint8Array(20).fill(1))
  // Between the write and its callback.
  process.nextTick(() => {
    first.frame(KIND_MESSAGE, 1, 0, NO_BYTES, gone)
  })
  await nextTurn()
  first.frame(KIND_MESSAGE, 1, 0, NO_BYTES, new Uint8Array(20).fill(2))
  second.frame(KIND_MESSAGE, 1, 0, NO_BYTES, new Uint8Array(20).fill(3))
  await nextTurn()
  const message = (body: Uint8Array): Uint8Array => encodeFrame({ kind: KIND_MESSAGE, route: 1, body })
  const sent = [message(new Uint8Array(20).fill(1)), message(NO_BYTES), message(new Uint8Array(20).fill(2))]
  expect(Buffer.concat(one.taken).equals(joinBytes(sent))).toBe(true)
  expect(Buffer.concat(other.taken).equals(message(new Uint8Array(20).fill(3)))).toBe(true)
  expect(blocks.free).toBe(2)
})
