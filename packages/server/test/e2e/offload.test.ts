import { CANCELLED, encodeBody, encodeMetadata, KIND_CANCEL, KIND_ERROR, KIND_RESPONSE } from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, type ReceivedFrame, startDaemon } from '@shardwire/testkit'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/offloaded.ts', import.meta.url))
const UNFINDABLE = fileURLToPath(new URL('../fixtures/unfindable.ts', import.meta.url))
const [ROUTE_ECHO, ROUTE_BYTES, ROUTE_ACT, ROUTE_LOOK, ROUTE_CHECKED, ROUTE_BRIEF, ROUTE_AROUND] = [1, 2, 3, 4, 5, 6, 7]
const [ROUTE_HANDED, ROUTE_ORDERED] = [8, 9]
const ROUTE_DIGEST = 3
const THREADS = 2

async function start(environment: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  const own = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1', SHARDWIRE_OFFLOAD_THREADS: String(THREADS) }
  return await startDaemon({ ...own, ...environment })
}

async function ask(client: RawClient, route: number, id: number, body: Uint8Array | string): Promise<ReceivedFrame> {
  await client.sendFrames(frames.request(route, id, body))
  return await client.nextFrame()
}

const act = (what: string, more: object = {}): Uint8Array => encodeBody({ what, ...more })

/** Threads that Node started as workers in a process, as the system sees them. */
function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).filter((id) => {
    try {
      return readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim() === 'WorkerThread'
    } catch {
      // It has just ended.
      return false
    }
  }).length
}

function pidOf(daemon: Daemon, slot = 0): number {
  const { pid } = daemon.workers[slot] ?? {}
  if (pid === undefined) throw new Error(`there is no worker ${slot}`)
  return pid
}

async function stop(daemon: Daemon, ...clients: readonly RawClient[]): Promise<void> {
  for (const client of clients) client.destroy()
  expect(await daemon.stop()).toBe(0)
  expect(daemon.records.filter(({ event }) => event === 'worker-exited')).toEqual([])
}

describe('an offloaded route', () => {
  it('answers bytes with bytes, values with values, and frames behind it overtake it', async () => {
    await using daemon = await start()
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_BYTES, 1, 'to a thread'), frames.request(ROUTE_ECHO, 2, 'quick'))
    expect((await client.frames(2)).map((frame) => [frame.id, frames.text(frame)])).toEqual([
      [2, 'quick'],
      [1, 'to a thread'],
    ])
    const sum = await ask(client, ROUTE_ACT, 3, act('add', { bytes: new Uint8Array([1, 2]), n: 0 }))
    expect(frames.value(sum)).toEqual({ sum: 3, when: new Date(0) })
    await client.sendFrames(frames.message(ROUTE_BYTES, 'one way'))
    expect(frames.text(await client.nextFrame())).toBe('one way')
    await stop(daemon, client)
  })

  it('gives its task a body of exactly its size, and frames that come meanwhile are whole', async () => {
    await using daemon = await start()
    await using client = await RawClient.connect(daemon.port)
    const large = new Uint8Array(300_000).map((_, index) => index * 31)
    const bodies = [new Uint8Array(9), large, new TextEncoder().encode('x'.repeat(5000))]
    await client.sendFrames(
      ...bodies.flatMap((body, index) => [
        frames.request(ROUTE_LOOK, 10 + index, body),
        frames.request(ROUTE_BYTES, 20 + index, body),
        frames.request(ROUTE_ECHO, 30 + index, body),
        frames.request(ROUTE_AROUND, 40 + index, body),
      ]),
    )
    const answers = new Map((await client.frames(12)).map((frame) => [frame.id, frame]))
    for (const [index, body] of bodies.entries()) {
      const [looked, sent, echoed, doubled] = [10, 20, 30, 40].map((first) => answers.get(first + index))
      if (looked === undefined) throw new Error('no answer')
      const length = body.length
      expect(frames.value(looked)).toEqual({ length, offset: 0, memory: length, kind: true })
      for (const same of [sent, echoed]) expect(Buffer.compare(same?.body ?? large, body)).toBe(0)
      expect(Buffer.compare(doubled?.body ?? large, Buffer.concat([body, body]))).toBe(0)
    }
    await stop(daemon, client)
  })

  it('holds its body against its schema before any thread sees it', async () => {
    await using daemon = await start()
    await using client = await RawClient.connect(daemon.port)
    expect(frames.errorOf(await ask(client, ROUTE_CHECKED, 1, act('add', { n: 'x' }))).name).toBe('BAD_BODY')
    expect(threadsOf(pidOf(daemon))).toBe(0)
    expect(await ask(client, ROUTE_CHECKED, 2, act('add', { n: 1 }))).toMatchObject({ kind: KIND_RESPONSE, id: 2 })
    await stop(daemon, client)
  })

  it.each([
    ['throw', 'HANDLER_FAILED', 'secret of the thread'],
    ['function', 'HANDLER_FAILED', 'could not be cloned'],
    ['exit', 'HANDLER_FAILED', 'code: 3'],
    ['memory', 'HANDLER_FAILED', 'memory'],
    ['refuse', 'PERMISSION_DENIED', undefined],
  ])('whose task ends in %s is answered %s, and what it said stays in the log', async (what, name, text) => {
    await using daemon = await start({ SHARDWIRE_HEAP_MB: '48' })
    await using client = await RawClient.connect(daemon.port)
    const answer = await ask(client, ROUTE_ACT, 1, act(what))
    expect(frames.errorOf(answer).name).toBe(name)
    if (text !== undefined) {
      expect(Buffer.from(answer.bytes).includes(text)).toBe(false)
      const record = await daemon.waitFor(({ event }) => event === 'handler-failed')
      expect(JSON.stringify(record)).toContain(text)
    }
    expect(await ask(client, ROUTE_ACT, 2, act('add'))).toMatchObject({ kind: KIND_RESPONSE, id: 2 })
    await stop(daemon, client)
  })
})

describe('request.offload', () => {
  it('runs a task for a handler: bytes and values, there and back, as they are when it is asked', async () => {
    await using daemon = await start({ SHARDWIRE_OFFLOAD_THREADS: '1' })
    await using client = await RawClient.connect(daemon.port)
    const texts = ['first body', 'the second one', 'and a third']
    await client.sendFrames(...texts.map((text, index) => frames.request(ROUTE_HANDED, index + 1, text)))
    const answers = new Map((await client.frames(3)).map((frame) => [frame.id, frames.text(frame)]))
    expect(texts.map((_, index) => answers.get(index + 1))).toEqual(
      texts.map((text) => `${text.slice(1)}|${text.length}`),
    )
    expect(frames.value(await ask(client, ROUTE_ORDERED, 4, act('context')))).toMatchObject({ route: 'ordered' })
    await stop(daemon, client)
  })

  it('rejects with what the task throws, and ends with its request', async () => {
    await using daemon = await start({ SHARDWIRE_OFFLOAD_THREADS: '1' })
    await using client = await RawClient.connect(daemon.port)
    expect(frames.errorOf(await ask(client, ROUTE_ORDERED, 1, act('refuse'))).name).toBe('PERMISSION_DENIED')
    const failed = await ask(client, ROUTE_ORDERED, 2, act('throw'))
    expect([frames.errorOf(failed).name, Buffer.from(failed.bytes).includes('secret')]).toEqual([
      'HANDLER_FAILED',
      false,
    ])
    await client.sendFrames(frames.request(ROUTE_ORDERED, 3, act('loop')))
    await client.sendFrames({ kind: KIND_CANCEL, route: ROUTE_ORDERED, id: 3 })
    expect(frames.errorOf(await client.nextFrame()).name).toBe('CANCELLED')
    expect(await ask(client, ROUTE_ORDERED, 4, act('add'))).toMatchObject({ kind: KIND_RESPONSE, id: 4 })
    await stop(daemon, client)
  })
})

describe('threads', () => {
  it('are started by the first call only, in the worker that got it', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '3' })
    const pids = daemon.workers.map(({ pid }) => pid)
    expect(pids.map(threadsOf)).toEqual([0, 0, 0])
    await using client = await RawClient.connect(daemon.port)
    const { shard } = await frames.greetServer(client)
    await ask(client, ROUTE_ACT, 1, act('thread'))
    expect(pids.map(threadsOf)).toEqual([0, 1, 2].map((slot) => (slot === shard ? 1 : 0)))
    await stop(daemon, client)
  })

  it('that cannot find a task stop the start, with every route and what to do', async () => {
    const failure: unknown = await start({ SHARDWIRE_SERVICE: UNFINDABLE }).catch(String)
    expect(failure).toMatch(/route hidden: its task is no export of .*tasks\.ts: write `export const`/)
    expect(failure).toMatch(/route inline: its task is no export of .*unfindable\.ts/)
  })

  it('never are more than may be, whatever is cancelled: 1000 times digest and CANCEL', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_OFFLOAD_THREADS: String(THREADS) })
    await using client = await RawClient.connect(daemon.port)
    const pid = pidOf(daemon)
    let most = 0
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 20 }, (_, index) => round * 20 + index + 1)
      const asked = ids.map((id) => frames.request(ROUTE_DIGEST, id, `body ${id}`))
      const cancels = ids.map((id) => ({ kind: KIND_CANCEL, route: ROUTE_DIGEST, id }))
      // Every other round tasks have begun by then, and some may be done.
      await client.sendFrames(...asked)
      const answers = round % 2 === 1 ? await frames.settleAmong(client) : []
      await client.sendFrames(...cancels)
      while (answers.length < ids.length) {
        answers.push(await client.nextFrame())
        most = Math.max(most, threadsOf(pid))
      }
      expect(answers.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(ids)
      const codes = answers.map((answer) => (answer.kind === KIND_ERROR ? frames.errorOf(answer).code : 0))
      expect(codes.filter((code) => code !== 0 && code !== CANCELLED)).toEqual([])
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(THREADS)
    expect(await ask(client, ROUTE_DIGEST, 5000, 'x')).toMatchObject({ kind: KIND_RESPONSE, id: 5000 })
    await stop(daemon, client)
  })
})

describe('SHARDWIRE_OFFLOAD_QUEUE', () => {
  it('bounds what waits: one more is OVERLOADED, and room comes with the next end', async () => {
    await using daemon = await start({ SHARDWIRE_OFFLOAD_QUEUE: '2', SHARDWIRE_OFFLOAD_THREADS: '1' })
    await using client = await RawClient.connect(daemon.port)
    const loops = [1, 2, 3].map((id) => frames.request(ROUTE_ACT, id, act('polite loop')))
    await client.sendFrames(...loops, frames.request(ROUTE_ACT, 4, act('polite loop')))
    const refused = await client.nextFrame()
    expect(refused.id).toBe(4)
    expect(frames.errorOf(refused)).toMatchObject({ name: 'OVERLOADED', retryable: true })
    expect(frames.errorOf(refused).retryAfterMs).toBeGreaterThan(0)
    // What waits goes at once, and makes room.
    await client.sendFrames({ kind: KIND_CANCEL, route: ROUTE_ACT, id: 2 })
    expect(frames.errorOf(await client.nextFrame()).name).toBe('CANCELLED')
    await client.sendFrames(frames.request(ROUTE_ACT, 5, act('add')))
    for (const id of [1, 3]) await client.sendFrames({ kind: KIND_CANCEL, route: ROUTE_ACT, id })
    const ends = await client.frames(3)
    expect(ends.map(({ kind, id }) => [kind, id])).toEqual([
      [KIND_ERROR, 1],
      [KIND_ERROR, 3],
      [KIND_RESPONSE, 5],
    ])
    await stop(daemon, client)
  })
})

describe('a deadline', () => {
  it('of a task that does not end is answered, and its thread ended: the next has a thread', async () => {
    await using daemon = await start({ SHARDWIRE_OFFLOAD_THREADS: '1' })
    await using client = await RawClient.connect(daemon.port)
    expect(await ask(client, ROUTE_ACT, 1, act('add'))).toMatchObject({ kind: KIND_RESPONSE })
    expect(frames.errorOf(await ask(client, ROUTE_BRIEF, 2, act('loop'))).name).toBe('DEADLINE_EXCEEDED')
    expect(await ask(client, ROUTE_ACT, 3, act('add'))).toMatchObject({ kind: KIND_RESPONSE, id: 3 })
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.find(({ event }) => event === 'offload-totals')).toMatchObject({ killed: 1, completed: 2 })
  })

  it('is known to the task: what is left of the caller’s own', async () => {
    await using daemon = await start()
    await using client = await RawClient.connect(daemon.port)
    const meta = encodeMetadata({ deadlineMs: 20_000 })
    await client.sendFrames({ ...frames.request(ROUTE_ACT, 1, act('remaining')), meta })
    const left = Number(frames.value(await client.nextFrame()))
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(20_000)
    await client.sendFrames({ ...frames.request(ROUTE_ACT, 2, act('context')), meta })
    expect(frames.value(await client.nextFrame())).toMatchObject({ route: 'act', metadata: { deadlineMs: 20_000 } })
    await stop(daemon, client)
  })
})

describe('an end', () => {
  it('of a connection by a reset frees the threads of its tasks', async () => {
    await using daemon = await start({ SHARDWIRE_OFFLOAD_THREADS: '1' })
    await using client = await RawClient.connect(daemon.port)
    const gone = await RawClient.connect(daemon.port)
    await gone.sendFrames(frames.request(ROUTE_ACT, 1, act('loop')), frames.request(ROUTE_ACT, 2, act('loop')))
    await frames.settle(gone)
    gone.reset()
    expect(await ask(client, ROUTE_ACT, 1, act('add'))).toMatchObject({ kind: KIND_RESPONSE })
    await stop(daemon, client)
  })

  it('of the daemon waits for tasks, those that wait among them', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_OFFLOAD_THREADS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(...[1, 2, 3, 4].map((id) => frames.request(ROUTE_DIGEST, id, 'x')))
    await frames.settle(client)
    daemon.signal('SIGTERM')
    const answers: ReceivedFrame[] = []
    while (answers.length < 4) {
      const frame = await client.nextFrame()
      if (frame.kind === KIND_RESPONSE) answers.push(frame)
    }
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 3, 4])
    client.destroy()
    expect((await daemon.exited).code).toBe(0)
    expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({ answered: 4, forced: 0 })
  })

  it('of the daemon is not held up by a thread that never ends', async () => {
    await using daemon = await start({ SHARDWIRE_DRAIN_TIMEOUT_MS: '300' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_ACT, 1, act('loop')))
    await eventually(
      () => threadsOf(pidOf(daemon)) === 1,
      () => 'no thread',
    )
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.some(({ event }) => event === 'worker-killed')).toBe(false)
  })
})
