/**
 * Owns the proof that a thousand clients who do not read cost a worker its budget and no more, and nobody else an
 * answer: a whole shard in this process, over real sockets, so that its pool can be looked at all the time.
 */
import { encodeFrame } from '@shardwire/protocol'
import { RawClient } from '@shardwire/testkit'
import { once } from 'node:events'
import { connect, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeReasonName } from '../../src/close-reason.ts'
import { systemClock } from '../../src/clock.ts'
import { pino } from 'pino'
import { compileService } from '../../src/service/compile.ts'
import { route } from '../../src/service/route.ts'
import { defineService } from '../../src/service/service.ts'
import { type Accepted, createAcceptor, socketOf, takeAccepted } from '../../src/transport/accepted.ts'
import { loadRawBinding } from '../../src/transport/raw-handle.ts'
import { WRITE_SLAB_BYTES } from '../../src/worker/outbound.ts'
import { WorkerHooks } from '../../src/worker/worker-hooks.ts'
import { Shard } from '../../src/worker/shard.ts'
import { configOf } from '../config/machines.ts'
import * as frames from './frames.ts'

const CLIENTS = 1000
const NEIGHBOURS = 10
const MIB = 1024 * 1024
const BUDGET_BYTES = 32 * MIB
const ENVIRONMENT = {
  SHARDWIRE_MAX_FRAME_BYTES: '65536',
  SHARDWIRE_WRITE_BUFFER_BYTES: '65546',
  SHARDWIRE_MAX_BUFFER_BYTES: String(BUDGET_BYTES),
  SHARDWIRE_SLOW_CONSUMER_MS: '2000',
  SHARDWIRE_WRITE_TIMEOUT_MS: '60000',
  // The order in which a worker sheds when its buffers run out has tests of its own.
  SHARDWIRE_OVERLOAD_BUFFER_PERCENT: '0',
  SHARDWIRE_OVERLOAD_DELAY_MS: '0',
}
const RAW = process.env['TEST_DAEMON_TRANSPORT'] !== 'socket'

interface Watched {
  readonly shard: Shard
  /**
   * Most bytes on loan at any moment, the write slab of the worker among them, less those of connections that have been
   * reset and not closed yet.
   */
  peakBytes: number
}

/** Notes the most that is on loan, whenever something is lent. */
function watchPool(shard: Shard): Watched {
  const watched: Watched = { shard, peakBytes: 0 }
  const { pool } = shard
  for (const method of ['lease', 'leaseBeyondBound'] as const) {
    const lend = pool[method].bind(pool)
    const noting = (bytes: number): ReturnType<typeof lend> => {
      const block = lend(bytes)
      watched.peakBytes = Math.max(watched.peakBytes, pool.leasedBytes - owedBytes(shard))
      return block
    }
    Object.defineProperty(pool, method, { value: noting })
  }
  return watched
}

/** What connections hold that have been reset and whose sockets close in this turn. */
function owedBytes({ connections, pool }: Shard): number {
  if (pool.leasedBytes <= pool.bytesMax) return 0
  let bytes = 0
  for (const { isShed, lentBytes } of connections) if (isShed) bytes += lentBytes
  return bytes
}

let watched: Watched
let server: Server
let port = 0

beforeAll(async () => {
  const log = pino({ level: 'silent' })
  const shard = new Shard({
    identity: { slot: 0, epoch: 'test' },
    config: configOf(ENVIRONMENT),
    service: compileService(
      defineService({
        name: 'test',
        routes: { echo: route(1, { body: 'bytes' }, (request) => request.forward()) },
      }),
    ),
    codecs: [],
    hooks: new WorkerHooks({ hooks: {}, worker: { shard: 0, log }, clock: systemClock, report: () => undefined }),
    log,
    clock: systemClock,
    random: Math.random,
    serverName: 'test',
    rawBinding: RAW ? loadRawBinding() : undefined,
    report: () => undefined,
    configured: false,
    tls: null,
    onFault: (error) => {
      throw error
    },
  })
  watched = watchPool(shard)
  const options = {
    raw: RAW,
    reads: true,
    onSocket: (accepted: Accepted) => {
      const socket = socketOf(accepted)
      if (socket !== undefined) shard.open(shard.adopt(socket, 0))
    },
    onFault: (status: number) => {
      throw new Error(`an accept failed: ${status}`)
    },
  }
  server = createAcceptor(options).listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  takeAccepted(server, options)
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})

afterAll(() => {
  server.close()
})

const BATCH = Buffer.concat(
  Array.from({ length: 16 }, (_, id) => encodeFrame(frames.request(1, id + 1, new Uint8Array(4096)))),
)

/** Sends echoes as fast as they are taken, reads nothing, and is done when it has been closed. */
function flood(): Promise<void> {
  const socket: Socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  const write = (): void => {
    if (!socket.destroyed && socket.write(BATCH)) setImmediate(write)
  }
  socket.on('connect', write)
  socket.on('drain', write)
  // A reset: 'close' follows.
  socket.on('error', () => undefined)
  return new Promise((resolve) => {
    socket.on('close', () => resolve())
  })
}

/** Asks one request after the other until `isOver`. @returns how many were answered, each with its own body */
async function neighbour(index: number, isOver: () => boolean): Promise<number> {
  await using client = await RawClient.connect(port)
  let id = 0
  while (!isOver()) {
    const body = Buffer.alloc(1000 + id, `${index}:${++id}`)
    await client.sendFrames(frames.request(1, id, body))
    const answer = await client.nextFrame()
    if (answer.id !== id || answer.kind !== 2 || !body.equals(answer.body)) throw new Error(`wrong answer to ${id}`)
  }
  return id
}

describe('a thousand clients that send requests and do not read', () => {
  it('hold no more than the budget, end as slow consumers, and cost no neighbour an answer', async () => {
    const { shard } = watched
    let isOver = false
    const neighbours = Array.from({ length: NEIGHBOURS }, (_, index) => neighbour(index, () => isOver))
    await Promise.all(Array.from({ length: CLIENTS }, flood))
    isOver = true
    const answered = await Promise.all(neighbours)
    const closes = shard.counters.closes.map((count, code) => [closeReasonName(code), count] as const)
    const { SLOW_CONSUMER: slow = 0, BUFFER_LIMIT: shed = 0 } = Object.fromEntries(closes)
    expect(slow + shed).toBe(CLIENTS)
    expect(Math.min(...answered)).toBeGreaterThan(0)
    // Beside what connections may have: the slab that the worker writes in while its own is with one of them.
    const slabBytes = shard.pool.costOf(WRITE_SLAB_BYTES)
    expect(watched.peakBytes).toBeLessThanOrEqual(BUDGET_BYTES + shard.pool.blockOverheadBytes + slabBytes)
    expect(watched.peakBytes).toBeGreaterThan(BUDGET_BYTES / 2)
    expect([shard.counters.rateLimited, shard.counters.errors.every((count) => count === 0)]).toEqual([0, true])
  }, 120_000)

  it('leave nothing behind', async () => {
    const { shard } = watched
    while (shard.connections.size > 0) await new Promise((resolve) => setImmediate(resolve))
    expect([shard.pool.leasedBytes, shard.pool.leasedBlocks]).toEqual([0, 0])
  })
})
