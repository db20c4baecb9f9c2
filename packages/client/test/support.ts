/**
 * Owns what the tests of connections share: a connection to a scripted peer, on a clock that stands still.
 * Must not know: what is tested.
 */
import {
  encodeErrorBody,
  encodeGoaway,
  encodeWelcome,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_RESPONSE,
  OPCODE_HELLO,
  parseMetadata,
  ShardwireError,
} from '@shardwire/protocol'
import type { Frame, Goaway, Metadata, Welcome } from '@shardwire/protocol'
import { FakeClock, ScriptedPeer } from '@shardwire/testkit'
import type { PeerConnection, ReceivedFrame, Script } from '@shardwire/testkit'
import { connect } from '../src/index.ts'
import type { Connection, ConnectionOptions } from '../src/index.ts'

export const WELCOME: Welcome = {
  protocol: 1,
  server: 'test/1',
  connection: 'c-1',
  shard: 3,
  maxFrameBytes: 65_536,
  heartbeatMs: 0,
}

export const GOAWAY: Goaway = { reason: 'restart', retry: 'later', retryAfterMs: 100, jitterMs: 50, deadlineMs: 9000 }

/** One connection, its server's end, and everything to look at. */
export interface Bench extends AsyncDisposable {
  readonly clock: FakeClock
  readonly peer: ScriptedPeer
  readonly server: PeerConnection
  readonly connection: Connection
}

/** Connects without HELLO unless the options say otherwise. */
export async function openBench(options: Partial<ConnectionOptions> = {}, script?: Script): Promise<Bench> {
  const peer = await ScriptedPeer.listen(script)
  const clock = new FakeClock()
  const connection = await connect({
    host: '127.0.0.1',
    port: peer.port,
    clock,
    hello: false,
    heartbeatMs: 0,
    ...options,
  })
  const server = await peer.nextConnection()
  return {
    clock,
    peer,
    server,
    connection,
    [Symbol.asyncDispose]: async () => {
      connection.destroy()
      await connection.closed
      await peer[Symbol.asyncDispose]()
    },
  }
}

/** Answers HELLO with WELCOME, and leaves everything else to `script`. */
export function welcoming(script: Script = () => undefined, welcome: Welcome = WELCOME): Script {
  return async (frame, connection) => {
    if (frame.kind === KIND_CONTROL && frame.route === OPCODE_HELLO) await connection.write(encodeWelcome(welcome))
    else await script(frame, connection)
  }
}

/** The RESPONSE to a REQUEST that came. */
export function responseTo({ route, id }: ReceivedFrame, text: string): Frame {
  return { kind: KIND_RESPONSE, route, id, body: bytesOf(text) }
}

/** An ERROR frame; with id 0 it answers no request. */
export function errorFrame(route: number, id: number, code: number, text: string): Frame {
  return { kind: KIND_ERROR, route, id, body: encodeErrorBody(new ShardwireError(code, text)) }
}

/** The GOAWAY frame as bytes. */
export const GOAWAY_BYTES = encodeGoaway(GOAWAY)

export function metadataOf(frame: ReceivedFrame): Metadata | undefined {
  return frame.meta === undefined ? undefined : parseMetadata(frame.meta, 0, frame.meta.length)
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** What a promise rejects with; throws when it does not. */
export async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}
