/** Rules of the pair in memory. */
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { nextTurn } from '../src/clock.ts'
import { duplexPair, randomChunking } from '../src/duplex-pair.ts'
import type { DuplexEnd } from '../src/duplex-pair.ts'
import { withSeed } from '../src/random.ts'

async function readAll(end: DuplexEnd): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  for await (const chunk of end) chunks.push(chunk as Buffer)
  return chunks
}

it('carries bytes both ways and the end of each', async () => {
  const [near, far] = duplexPair()
  near.end('to far')
  far.end('to near')
  expect(Buffer.concat(await readAll(far)).toString()).toBe('to far')
  expect(Buffer.concat(await readAll(near)).toString()).toBe('to near')
})

it('cuts writes at random and loses nothing', async () => {
  await withSeed('cut writes', async (random) => {
    const [near, far] = duplexPair({ chunking: randomChunking(random, 5) })
    const bytes = random.bytes(200)
    near.end(bytes)
    const chunks = await readAll(far)
    expect(chunks.every((chunk) => chunk.length <= 5)).toBe(true)
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(bytes))
  })
})

it('lets the writer wait while the other end does not read', async () => {
  const [near, far] = duplexPair({ highWaterMark: 4 })
  expect(near.write('0123456789')).toBe(false)
  await nextTurn()
  expect(near.writableNeedDrain).toBe(true)
  const drained = once(near, 'drain')
  far.resume()
  await drained
})

it('never delivers in the turn of the write', async () => {
  const [near, far] = duplexPair()
  let came = 0
  far.on('data', () => came++)
  near.write('x')
  expect(came).toBe(0)
  await once(far, 'data')
})

it('a reset is ECONNRESET at the other end, a plain destroy its end', async () => {
  const [near, far] = duplexPair()
  near.on('error', () => undefined)
  const failed = once(far, 'error')
  near.reset()
  expect(((await failed) as [NodeJS.ErrnoException])[0].code).toBe('ECONNRESET')

  const [one, other] = duplexPair()
  one.destroy()
  expect(await readAll(other)).toEqual([])
})
