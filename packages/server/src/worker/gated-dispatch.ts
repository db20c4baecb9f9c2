/**
 * Owns keeping out frames of connections that have not been let in, where the service says who may.
 * Must not know: who decides, how long that takes.
 * Invariant: before HELLO nothing is served but PING; after it nothing is read until the service has decided. It stands
 * in for the dispatch only in a worker whose service authenticates, so that the others pay nothing.
 */
import {
  type FrameDecoder,
  KIND_CONTROL,
  KIND_REQUEST,
  OPCODE_HELLO,
  OPCODE_PING,
  OPCODE_PONG,
  ShardwireError,
  UNAUTHENTICATED,
} from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Closing } from './closing.ts'
import type { Connection } from './connection.ts'
import { Dispatch, type DispatchParts } from './dispatch.ts'

export class GatedDispatch extends Dispatch {
  readonly #closing: Closing

  constructor(parts: DispatchParts) {
    super(parts)
    this.#closing = parts.closing
  }

  override frame(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    if (connection.greeting === null || mayComeFirst(decoder)) return super.frame(connection, decoder, memory)
    const { kind, route, id } = decoder
    const error = new ShardwireError(UNAUTHENTICATED, 'this service wants HELLO, with a token, before anything else')
    const isRequest = kind === KIND_REQUEST
    this.#closing.failWith(connection, CloseReason.UNAUTHENTICATED, error, isRequest ? route : 0, isRequest ? id : 0)
  }
}

function mayComeFirst({ kind, route }: FrameDecoder): boolean {
  return kind === KIND_CONTROL && (route === OPCODE_HELLO || route === OPCODE_PING || route === OPCODE_PONG)
}
