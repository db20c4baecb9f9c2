/** Owns the tests of the stream of events: one sample for all, none for nobody, and an end for who does not read. */
import { eventually, FakeClock } from '@shardwire/testkit'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Events } from '../../src/admin/events.ts'

interface Scene extends AsyncDisposable {
  readonly clock: FakeClock
  readonly events: Events
  readonly url: string
  readonly server: Server
  readonly samples: () => number
  readonly faults: readonly unknown[]
}

async function start(sample: (count: number) => unknown): Promise<Scene> {
  const clock = new FakeClock()
  const faults: unknown[] = []
  let samples = 0
  const events = new Events({
    listen: (onSecond) => clock.every(1000, onSecond),
    sample: async () => await Promise.resolve(sample(++samples)),
    onFault: (error) => faults.push(error),
  })
  const server = createServer((_, response) => {
    const reply = events.open()
    if ('stream' in reply) reply.stream(response)
    else response.writeHead(reply.status).end(reply.body)
  }).listen({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ clock, events, server, faults, samples: () => samples, url: `http://127.0.0.1:${port}` },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Reads events one by one. */
class Viewer {
  readonly #reader: ReadableStreamDefaultReader<string>
  #text = ''

  constructor(response: Response) {
    if (response.body === null) throw new Error('no body')
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  }

  static async open(url: string): Promise<Viewer> {
    return new Viewer(await fetch(url))
  }

  /** The data of the next event that has some. */
  async next(): Promise<unknown> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end < 0) {
        const { done, value } = await this.#reader.read()
        if (done) throw new Error('the stream ended')
        this.#text += value
        continue
      }
      const event = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 2)
      if (event.startsWith('data: ')) return JSON.parse(event.slice('data: '.length))
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel()
  }
}

describe('the stream of events', () => {
  it('tells at once, and then once a second, everybody the same', async () => {
    await using scene = await start((count) => ({ count }))
    const one = await Viewer.open(scene.url)
    expect(await one.next()).toEqual({ count: 1 })
    scene.clock.advance(1000)
    expect(await one.next()).toEqual({ count: 2 })
    const two = await Viewer.open(scene.url)
    expect(await two.next()).toEqual({ count: 2 })
    scene.clock.advance(1000)
    expect([await one.next(), await two.next()]).toEqual([{ count: 3 }, { count: 3 }])
    expect(scene.samples()).toBe(3)
  })

  it('takes no samples while nobody looks', async () => {
    await using scene = await start((count) => ({ count }))
    const viewer = await Viewer.open(scene.url)
    await viewer.next()
    await viewer.close()
    await eventually(
      () => scene.clock.pendingTimers === 0,
      () => 'it goes on',
    )
    scene.clock.advance(10_000)
    expect(scene.samples()).toBe(1)
  })

  it('has a limit of viewers', async () => {
    await using scene = await start(() => 1)
    const viewers = await Promise.all(Array.from({ length: 16 }, () => Viewer.open(scene.url)))
    expect((await fetch(scene.url)).status).toBe(503)
    for (const viewer of viewers) await viewer.close()
  })

  it('cuts off who does not read', async () => {
    const large = 'x'.repeat(1024 * 1024)
    await using scene = await start(() => large)
    const response = await fetch(scene.url)
    await eventually(
      () => {
        scene.clock.advance(1000)
        return scene.clock.pendingTimers === 0
      },
      () => 'it is still there',
    )
    await expect(response.text()).rejects.toThrow(/terminated|closed|aborted/)
  })

  it('goes on when a sample fails', async () => {
    await using scene = await start((count) => {
      if (count === 2) throw new Error('no sample')
      return { count }
    })
    const viewer = await Viewer.open(scene.url)
    await viewer.next()
    scene.clock.advance(1000)
    await eventually(
      () => scene.faults.length === 1,
      () => 'nothing failed',
    )
    scene.clock.advance(1000)
    expect(await viewer.next()).toEqual({ count: 3 })
  })
})
