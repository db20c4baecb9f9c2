import { readFileSync } from 'node:fs'
import { errorName, KIND_ERROR } from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

/** An invalid frame of the published vectors, and what it gets. */
interface InvalidFrame {
  readonly name: string
  readonly hex: string
  readonly code: number
  readonly closes: boolean
}

const VECTORS = new URL('../../../../docs/protocol-vectors.json', import.meta.url)
const { invalidFrames } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { invalidFrames: readonly InvalidFrame[] }

let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(async () => {
  expect(await daemon.stop()).toBe(0)
  expect(daemon.records.filter(({ event }) => event === 'internal-fault')).toEqual([])
})

describe('every invalid frame of docs/protocol-vectors.json', () => {
  it.each(invalidFrames.map((vector) => [vector.name, vector] as const))('%s', async (_, vector) => {
    await using client = await RawClient.connect(daemon.port)
    await client.write(Buffer.concat([Buffer.from(vector.hex, 'hex')]))
    const answer = await client.nextFrame()
    expect(answer.kind).toBe(KIND_ERROR)
    expect(frames.errorOf(answer).name).toBe(errorName(vector.code))
    if (vector.closes) {
      expect((await client.closed()).how).toBe('end')
    } else {
      await client.sendFrames(frames.request(1, 4242, 'alive'))
      expect(await client.nextFrame()).toMatchObject({ id: 4242 })
    }
  })
})
