import { encodeBody, encodeMetadata, KIND_MESSAGE, KIND_RESPONSE } from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
})
afterAll(async () => {
  expect(await daemon.stop()).toBe(0)
  expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({
    forced: 0,
    closes: { PEER_RESET: 1 },
  })
})

describe('echo', () => {
  it('answers the plainest client: one MESSAGE of eleven bytes, the same eleven back', async () => {
    await using client = await RawClient.connect(daemon.port)
    const frame = Buffer.from('0001000000017811f5c494', 'hex')
    await client.write(frame)
    expect(Buffer.from((await client.nextFrame()).bytes)).toEqual(frame)
  })

  it('answers a REQUEST with a RESPONSE of the same id, route and bytes', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(1, 77, 'hello'))
    const answer = await client.nextFrame()
    expect(answer).toMatchObject({ kind: KIND_RESPONSE, id: 77, route: 1 })
    expect(frames.text(answer)).toBe('hello')
  })

  it('answers an empty body', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.message(1, ''), frames.request(1, 1, ''))
    const [first, second] = await client.frames(2)
    expect(first).toMatchObject({ kind: KIND_MESSAGE, body: new Uint8Array(0) })
    expect(second).toMatchObject({ kind: KIND_RESPONSE, id: 1, body: new Uint8Array(0) })
  })

  it('answers the largest frame, and answers of MESSAGEs and REQUESTs in the order they came', async () => {
    await using client = await RawClient.connect(daemon.port)
    const large = new Uint8Array(1_048_576).map((_, index) => index * 7)
    await client.sendFrames(frames.message(1, 'before'), frames.message(1, large), frames.request(1, 5, 'after'))
    const answers = await client.frames(3)
    expect(answers.map(({ body }) => body.length)).toEqual([6, large.length, 5])
    expect(Buffer.compare(answers[1]?.body ?? new Uint8Array(0), large)).toBe(0)
  })

  it('does not send the metadata of the question back', async () => {
    await using client = await RawClient.connect(daemon.port)
    const meta = encodeMetadata({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })
    await client.sendFrames({ ...frames.message(1, 'x'), meta }, frames.request(1, 9, 'y', meta))
    const answers = await client.frames(2)
    expect(answers.map((answer) => [frames.text(answer), answer.meta])).toEqual([
      ['x', undefined],
      ['y', undefined],
    ])
  })
})

describe('greet', () => {
  it('greets and says when, in RFC 3339', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(2, 3, encodeBody({ uid: 'pixel-1', val: 'pixelpig!' })))
    const answer = frames.value(await client.nextFrame())
    expect(answer).toMatchObject({ uid: 'pixel-1', val: 'server: hello, pixelpig!' })
    expect(Date.parse(String((answer as { ts: unknown }).ts))).toBeGreaterThan(1.7e12)
  })
})

describe('sleep', () => {
  it('lets later requests overtake it', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 60), frames.request(1, 2, 'quick'), frames.sleep(3, 5))
    const ids = (await client.frames(3)).map(({ id }) => id)
    expect(ids).toEqual([2, 3, 1])
  })

  it('answers DEADLINE_EXCEEDED at the deadline that the caller sent along, and only that', async () => {
    await using client = await RawClient.connect(daemon.port)
    const meta = encodeMetadata({ deadlineMs: 30 })
    await client.sendFrames({ ...frames.sleep(1, 3_600_000), meta })
    expect(frames.errorOf(await client.nextFrame())).toMatchObject({ name: 'DEADLINE_EXCEEDED', retryable: true })
    await client.sendFrames(frames.request(1, 1, 'the id is free again'))
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
  })

  it('does not run at all with a deadline of 0', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(1, 4, 'x', encodeMetadata({ deadlineMs: 0 })))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('DEADLINE_EXCEEDED')
  })

  it('is cancelled: CANCELLED comes at once, and no other answer', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(8, 3_600_000), { kind: 4, route: 4, id: 8 }, frames.request(1, 9, 'next'))
    const [cancelled, next] = await client.frames(2)
    expect(cancelled?.id).toBe(8)
    expect(cancelled === undefined ? '' : frames.errorOf(cancelled).name).toBe('CANCELLED')
    expect(next).toMatchObject({ kind: KIND_RESPONSE, id: 9 })
  })

  it('ends with its connection when that is reset: the drain after this suite has nothing to wait for', async () => {
    const client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 3_600_000), frames.request(1, 2, 'here'))
    await client.nextFrame()
    client.reset()
    expect((await client.gone).how).toBe('local')
  })
})

describe('what fails', () => {
  it('answers HANDLER_FAILED without the text of the exception, and logs that', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(5, 6, 'ignored'), frames.message(5, ''), frames.request(1, 7, 'alive'))
    const [answer, ofMessage, alive] = await client.frames(3)
    expect(answer).toMatchObject({ id: 6, route: 5 })
    expect(ofMessage).toMatchObject({ id: 0, route: 5 })
    expect(alive).toMatchObject({ kind: KIND_RESPONSE, id: 7 })
    const error = answer === undefined ? undefined : frames.errorOf(answer)
    expect(error?.name).toBe('HANDLER_FAILED')
    expect(error?.message).not.toContain('as it should')
    const record = await daemon.waitFor(({ event }) => event === 'handler-failed')
    expect(JSON.stringify(record)).toContain('as it should')
  })
})

describe('digest', () => {
  it('answers with scrypt of the body, and echo overtakes it', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(3, 1, 'x'), frames.request(1, 2, 'quick'), frames.message(3, ''))
    const answers = await client.frames(3)
    // Two threads: either may be done first.
    const [echo, ...digests] = answers
    expect([echo?.kind, echo?.id]).toEqual([KIND_RESPONSE, 2])
    digests.sort((one, other) => other.id - one.id)
    expect(digests.map(({ kind, id }) => [kind, id])).toEqual([
      [KIND_RESPONSE, 1],
      [KIND_MESSAGE, 0],
    ])
    // From Python's hashlib.scrypt(b'x', salt=b'', n=2**14, r=8, p=1, dklen=32), and of b''.
    expect(digests.map(({ body }) => Buffer.from(body).toString('hex'))).toEqual([
      '839397d6d112d585d17b195c586c3ce58eb1566c3bfbea76213e4427a8a7d537',
      'd72c87d0f077c7766f2985dfab30e8955c373a13a1e93d315203939f542ff86e',
    ])
  })
})
