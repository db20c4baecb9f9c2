/**
 * Owns CONTROL frames: PING and PONG, HELLO and WELCOME, GOAWAY, and what is not known.
 * Must not know: routes.
 * Invariant: HELLO is answered only as the first frame; opcodes that only a server sends break the connection.
 */
import {
  BAD_FRAME,
  CONTROL_BYTES_MAX,
  CONTROL_TEXT_LENGTH_MAX,
  encodeWelcome,
  type FrameDecoder,
  KIND_CONTROL,
  NOT_IMPLEMENTED,
  OPCODE_GOAWAY,
  OPCODE_HELLO,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_WELCOME,
  parseHello,
  PROTOCOL_VERSION,
  ShardwireError,
  TOKEN_BYTES_MAX,
} from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Closing } from './closing.ts'
import { clientOf } from './client-of.ts'
import type { Connection } from './connection.ts'
import type { Mirror } from './mirror/mirror.ts'
import type { Outbound } from './outbound.ts'

const HELLO_EXPECTED =
  `HELLO must carry a map of at most ${CONTROL_BYTES_MAX} bytes with an integer protocol and, if at all, name and ` +
  `version of at most ${CONTROL_TEXT_LENGTH_MAX} characters and token of at most ${TOKEN_BYTES_MAX} bytes`

export class ControlFrames {
  readonly #outbound: Outbound
  readonly #closing: Closing
  readonly #serverName: string
  readonly #onPong: (connection: Connection) => void
  /** Told what a client calls itself; undefined where nobody wants to know. */
  readonly #mirror: Mirror | undefined

  /** @param serverName what WELCOME says of the server, e.g. `shardwire/0.1.0` */
  constructor(
    outbound: Outbound,
    closing: Closing,
    serverName: string,
    onPong: (connection: Connection) => void,
    mirror?: Mirror,
  ) {
    this.#outbound = outbound
    this.#closing = closing
    this.#serverName = serverName
    this.#onPong = onPong
    this.#mirror = mirror
  }

  frame(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    switch (decoder.route) {
      case OPCODE_PING:
        this.#outbound.send(connection, KIND_CONTROL, OPCODE_PONG, 0, memory, decoder.bodyStart, decoder.bodyEnd)
        return
      case OPCODE_PONG:
        this.#onPong(connection)
        return
      case OPCODE_HELLO:
        this.#hello(connection, decoder, memory)
        return
      case OPCODE_WELCOME:
      case OPCODE_GOAWAY:
        this.#broken(connection, 'only a server sends WELCOME and GOAWAY')
        return
      default:
        this.#unknown(connection, decoder.route)
    }
  }

  #hello(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    if (connection.greeted) return this.#broken(connection, 'HELLO must be the first frame')
    const hello = parseHello(memory, decoder.bodyStart, decoder.bodyEnd)
    if (hello === undefined) return this.#broken(connection, HELLO_EXPECTED)
    if (hello.protocol !== PROTOCOL_VERSION) return this.#wrongVersion(connection, hello.protocol)
    this.#mirror?.greeted(connection, hello.name)
    const welcome = encodeWelcome({
      protocol: PROTOCOL_VERSION,
      server: this.#serverName,
      connection: connection.id,
      shard: connection.shard,
      maxFrameBytes: decoder.frameBytesMax,
      heartbeatMs: connection.listener.heartbeatMs,
    })
    if (connection.greeting !== null) return connection.greeting.hello(hello, welcome)
    connection.said = clientOf(hello)
    this.#outbound.sendEncoded(connection, welcome)
  }

  #wrongVersion(connection: Connection, asked: number): void {
    const text = `protocol version ${asked} is not spoken here`
    const error = new ShardwireError(NOT_IMPLEMENTED, text, { details: { supported: [PROTOCOL_VERSION] } })
    this.#closing.failWith(connection, CloseReason.BAD_PROTOCOL_VERSION, error)
  }

  #unknown(connection: Connection, opcode: number): void {
    const error = new ShardwireError(NOT_IMPLEMENTED, `control opcode ${opcode} is not known here`, {
      details: { opcode },
    })
    this.#closing.sendError(connection, 0, 0, error)
  }

  #broken(connection: Connection, text: string): void {
    this.#closing.failWith(connection, CloseReason.BAD_FRAME, new ShardwireError(BAD_FRAME, text))
  }
}
