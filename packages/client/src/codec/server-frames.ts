/**
 * Owns what each kind of frame from the server leads to.
 * Must not know: bytes, sockets, when a connection closes.
 * Invariant: what is handed on has memory of its own, so the frame's may be used again once `onFrame` returns.
 */
import {
  BAD_FRAME,
  decodeErrorBody,
  frameBytesOf,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  OPCODE_GOAWAY,
  OPCODE_HELLO,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_WELCOME,
  parseGoaway,
  parseMetadata,
  parseWelcome,
  ShardwireError,
} from '@shardwire/protocol'
import type { FrameDecoder, Goaway, Metadata, Welcome } from '@shardwire/protocol'
import { bodyMemory } from '../body-memory.ts'
import type { Heartbeat } from '../heartbeat.ts'
import type { Outbound } from '../outbound.ts'
import type { PendingRequests } from '../pending-requests.ts'
import type { ServedRequests } from '../serve/served-requests.ts'
import { FrameMessage } from './frame-message.ts'
import type { FrameSink } from './inbound.ts'
import type { WireEvents } from './wire.ts'

/** Whom frames are for. */
export interface FrameParts {
  readonly pending: PendingRequests
  readonly served: ServedRequests
  readonly heartbeat: Heartbeat
  readonly outbound: Outbound
}

const NO_BYTES = new Uint8Array(0)

export class ServerFrames implements FrameSink {
  readonly #pending: PendingRequests
  readonly #parts: FrameParts
  readonly #events: WireEvents

  constructor(parts: FrameParts, events: WireEvents) {
    this.#pending = parts.pending
    this.#parts = parts
    this.#events = events
  }

  onFrame(decoder: FrameDecoder, memory: Uint8Array): void {
    const meta = metadataOf(decoder, memory)
    if (meta instanceof ShardwireError) this.#events.onViolation(meta)
    else this.#onValid(decoder, memory, meta)
  }

  #onValid(decoder: FrameDecoder, memory: Uint8Array, meta: Metadata | undefined): void {
    switch (decoder.kind) {
      case KIND_RESPONSE:
        this.#pending.resolve(decoder.id, copyBody(decoder, memory))
        break
      case KIND_ERROR:
        this.#error(decoder, memory)
        break
      case KIND_MESSAGE:
        this.#events.onMessage(new FrameMessage(decoder.route, meta, copyBody(decoder, memory)))
        break
      case KIND_REQUEST:
        this.#request(decoder, memory, meta)
        break
      case KIND_CANCEL:
        if (!this.#parts.served.onCancel(decoder.id)) this.#pending.answersUnknown++
        break
      case KIND_CONTROL:
        this.#control(decoder, memory)
        break
    }
  }

  onBroken(code: number, detail: string): void {
    this.#events.onViolation(new ShardwireError(code, detail))
  }

  #error({ id, route, bodyStart, bodyEnd }: FrameDecoder, memory: Uint8Array): void {
    const error = decodeErrorBody(memory, bodyStart, bodyEnd)
    if (id === 0) this.#events.onServerError(error, route)
    else this.#pending.reject(id, error)
  }

  #request(decoder: FrameDecoder, memory: Uint8Array, meta: Metadata | undefined): void {
    const { id, route } = decoder
    const isClosing = !this.#events.takesRequests()
    this.#parts.served.onRequest({ id, route, meta, body: copyBody(decoder, memory) }, isClosing)
  }

  #control(decoder: FrameDecoder, memory: Uint8Array): void {
    const { bodyStart, bodyEnd } = decoder
    switch (decoder.route) {
      case OPCODE_PING:
        this.#pong(copyBody(decoder, memory))
        break
      case OPCODE_WELCOME:
        this.#welcome(parseWelcome(memory, bodyStart, bodyEnd))
        break
      case OPCODE_GOAWAY:
        this.#goaway(parseGoaway(memory, bodyStart, bodyEnd))
        break
      case OPCODE_HELLO:
        this.#violation('HELLO from a server')
        break
      case OPCODE_PONG:
        this.#parts.heartbeat.onPong(memory, bodyStart, bodyEnd)
        break
      // An opcode of later versions is ignored.
    }
  }

  #welcome(welcome: Welcome | undefined): void {
    if (welcome === undefined) this.#violation('WELCOME whose payload is none')
    else this.#events.onWelcome(welcome)
  }

  #goaway(goaway: Goaway | undefined): void {
    if (goaway === undefined) this.#violation('GOAWAY whose payload is none')
    else this.#events.onGoaway(goaway)
  }

  /** Answers what nobody here asked for, so within the limit that holds for all: a flood ends the connection. */
  #pong(payload: Uint8Array): void {
    const { outbound } = this.#parts
    if (outbound.hasRoom(frameBytesOf(KIND_CONTROL, payload.length))) {
      outbound.frame(KIND_CONTROL, OPCODE_PONG, 0, NO_BYTES, payload)
    } else this.#events.onFlooded()
  }

  #violation(text: string): void {
    this.#events.onViolation(new ShardwireError(BAD_FRAME, text))
  }
}

/** What the metadata says: checked alike for every kind, though only that of a MESSAGE is handed on. */
function metadataOf({ metaStart, metaEnd }: FrameDecoder, memory: Uint8Array): Metadata | ShardwireError | undefined {
  if (metaStart === metaEnd) return undefined
  try {
    return parseMetadata(memory, metaStart, metaEnd)
  } catch (error) {
    if (error instanceof ShardwireError) return error
    throw error
  }
}

function copyBody({ bodyStart, bodyEnd }: FrameDecoder, memory: Uint8Array): Uint8Array {
  return bodyMemory.copy(memory, bodyStart, bodyEnd)
}
