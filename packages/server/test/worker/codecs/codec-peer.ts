/** Owns a client of a shard that speaks no frames, and routes for it. */
import { BAD_BODY, ShardwireError } from '@shardwire/protocol'
import { route, type RouteDefinition } from '../../../src/service/route.ts'
import type { Connection } from '../../../src/worker/connection.ts'
import type { Shard } from '../../../src/worker/shard.ts'
import { FakeHandle } from '../../transport/fake-handle.ts'

export class CodecPeer {
  readonly handle = new FakeHandle()
  readonly connection: Connection
  #read = 0

  constructor(shard: Shard, listener = 0) {
    this.connection = shard.adopt(this.handle.asRaw, listener)
    shard.open(this.connection)
  }

  send(bytes: string | Uint8Array): void {
    this.handle.arrive(Buffer.from(bytes))
  }

  /** What came since it was asked last. */
  received(): string {
    const { sent } = this.handle
    const text = sent.subarray(this.#read).toString()
    this.#read = sent.length
    return text
  }

  /** The same, line by line. */
  lines(): string[] {
    return this.received().split('\n').slice(0, -1)
  }

  /** Whether the shard has sent its FIN. */
  get isFinished(): boolean {
    return this.handle.log.includes('shutdown')
  }
}

/** The routes of the demo service that are of use here, with names as there. */
export function demoRoutes(): Record<string, RouteDefinition> {
  return {
    echo: route(1, { body: 'bytes' }, (request) => request.forward()),
    greet: route(2, {}, ({ body }) => {
      const { uid, val } = body as { uid?: unknown; val: unknown }
      if (typeof val !== 'string') throw new ShardwireError(BAD_BODY, 'val must be a string')
      return { uid: uid ?? null, val: `server: hello, ${val}`, ts: '2006-01-02T15:04:05.000Z' }
    }),
    sleep: route(4, {}, async () => Promise.resolve()),
    fail: route(5, { body: 'none' }, () => {
      throw new Error('fails')
    }),
  }
}

/** A line of the server, with what differs from run to run as `*`, as docs/codec-vectors.json has it. */
export function starred(line: string): string {
  const parts = /^\{("uid":(?:"(?:[^"\\]|\\.)*"|[-+.0-9eE]+),)?"error":(\{.*\})\}$/.exec(line)
  if (parts === null) return line.replace(/"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"ts":"*"')
  const { code, name, retryable } = JSON.parse(parts[2] ?? '') as Record<string, unknown>
  return `{${parts[1] ?? ''}"error":${JSON.stringify({ code, name, message: '*', retryable })}}`
}
