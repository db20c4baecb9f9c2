/** The example services in the real daemon, each of their routes. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type Connection, connect } from '@shardwire/client'
import { encodeBody } from '@shardwire/protocol'
import { type Daemon, startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** One worker, as stock.ts counts in the memory of its process. */
async function serve(file: string): Promise<Daemon> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return await startDaemon({ SHARDWIRE_SERVICE: path, SHARDWIRE_WORKERS: '1' })
}

type UseService = (connection: Connection, daemon: Daemon) => Promise<void>

/** Calls the service until `use` is done, then stops it in order. */
async function withService(file: string, use: UseService): Promise<void> {
  await using daemon = await serve(file)
  const connection = await connect({ host: '127.0.0.1', port: daemon.port })
  await use(connection, daemon)
  await connection.close()
  expect(await daemon.stop()).toBe(0)
}

test('arithmetic.ts doubles numbers and echoes bytes', async () => {
  await withService('arithmetic.ts', async (connection) => {
    expect(await connection.requestMsgpack(1, 21)).toBe(42)
    expect(await connection.request(2, bytesOf('as it came'))).toEqual(bytesOf('as it came'))
  })
})

test('stock.ts refuses by a code of the table, with retryAfterMs and details', async () => {
  await withService('stock.ts', async (connection) => {
    const wanted = Array.from({ length: 3 }, () => connection.requestMsgpack(1, 'apple'))
    expect(await Promise.all(wanted)).toEqual([{ left: 2 }, { left: 1 }, { left: 0 }])
    await expect(connection.requestMsgpack(1, 'apple')).rejects.toMatchObject({
      name: 'OVERLOADED',
      message: 'no apple is left',
      retryable: true,
      retryAfterMs: 60_000,
      details: { item: 'apple' },
    })
    await expect(connection.requestMsgpack(1, 7)).rejects.toMatchObject({ name: 'BAD_REQUEST', retryable: false })
    await expect(connection.request(1, bytesOf(''))).rejects.toMatchObject({ name: 'BAD_BODY' })
  })
})

test('stock.ts hashes its own bytes after an await, and answers bytes with msgpack', async () => {
  await withService('stock.ts', async (connection) => {
    const bodies = Array.from({ length: 50 }, (_, index) => new Uint8Array(1000).fill(index))
    const answers = await Promise.all(bodies.map((body) => connection.request(2, body)))
    expect(answers.map((answer) => Buffer.from(answer).toString('hex'))).toEqual(
      bodies.map((body) => createHash('sha256').update(body).digest('hex')),
    )
    expect(await connection.request(4, bytesOf('four'))).toEqual(encodeBody(4))
  })
})

test('stock.ts keeps bodies beyond their handlers, whatever was read from the network meanwhile', async () => {
  await withService('stock.ts', async (connection) => {
    const bodies = Array.from({ length: 50 }, (_, index) => new Uint8Array(1000).fill(index))
    await Promise.all(bodies.map((body) => connection.request(5, body)))
    expect(Buffer.from(await connection.request(6))).toEqual(Buffer.concat(bodies))
  })
})

test('stock.ts stops waiting when its caller does, and answers with what came along', async () => {
  await withService('stock.ts', async (connection, daemon) => {
    expect(await connection.requestMsgpack(3, 0, { meta: { tag: 'a' } })).toBe('a')
    const caller = new AbortController()
    const waiting = connection.requestMsgpack(3, 600_000, { signal: caller.signal })
    expect(await connection.requestMsgpack(3, 0)).toBe('no tag')
    caller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' })
    // Its ERROR CANCELLED left before this answer.
    expect(await connection.requestMsgpack(3, 0)).toBe('no tag')
    expect(connection.stats.requestsCancelled).toBe(0)
    // The handler's own AbortError came too late for an answer, and is no failure.
    expect(daemon.records.filter(({ event }) => event === 'handler-failed')).toEqual([])
  })
})
