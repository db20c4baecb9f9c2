/**
 * Owns an address that swallows connections: a listening socket whose queue is full and whose thread never accepts, so
 * that the kernel drops every SYN. What connects there neither succeeds nor fails.
 * Must not know: who connects.
 * Invariant: gone with the process, at the latest; Linux drops the SYN, other systems may refuse.
 */
import net from 'node:net'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { withinLimit } from './time-limit.ts'

/** The thread stands still from the moment it has told its port. */
const LISTENER = `
  const net = require('node:net')
  const { parentPort, workerData } = require('node:worker_threads')
  const server = net.createServer()
  server.on('error', (error) => { throw error })
  server.listen({ ...workerData, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
  })
`
/** Linux queues one more than the backlog. */
const QUEUED = 2

export class BlackHole {
  readonly port: number
  readonly #thread: Worker
  readonly #fillers: readonly net.Socket[]

  private constructor(port: number, thread: Worker, fillers: readonly net.Socket[]) {
    this.port = port
    this.#thread = thread
    this.#fillers = fillers
  }

  /** @param port 0 for a free one */
  static async open(host = '127.0.0.1', port = 0): Promise<BlackHole> {
    const thread = new Worker(LISTENER, { eval: true, workerData: { host, port } })
    const told: unknown[] = await withinLimit(once(thread, 'message'), () => `nothing listens on ${host}`)
    const actual = Number(told[0])
    const fillers: net.Socket[] = []
    for (let count = 0; count < QUEUED; count++) {
      const filler = net.connect({ host, port: actual })
      filler.on('error', () => filler.destroy())
      await withinLimit(once(filler, 'connect'), () => 'the queue was full too early')
      fillers.push(filler)
    }
    return new BlackHole(actual, thread, fillers)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy()
    await this.#thread.terminate()
  }
}
