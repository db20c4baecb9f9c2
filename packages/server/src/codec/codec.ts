/**
 * Owns what a codec is: how a stream of bytes becomes messages, and how answers become bytes. The codecs of this
 * package and those of users are the same thing.
 * Must not know: connections, sockets, how a codec is driven.
 * Invariant: a codec keeps nothing of a connection but what is in `Reading.state`; one serves all connections of a
 * listener in a worker.
 */
import type { ShardwireError } from '@shardwire/protocol'
import type { Decoded, Reading } from './reading.ts'
import type { Writer } from './writer.ts'

/** An answer that a codec is to write. One object serves all: it holds until `encodeAnswer` returns. */
export interface CodecAnswer {
  /** Name of the route that answers. */
  readonly route: string
  /** What `decode` said of the message; undefined for what the service sends unasked. */
  readonly tag: unknown
  /** The body memory[start, end), of a codec that carries bytes; only to be read, and only from `start` to `end`. */
  readonly memory: Uint8Array
  readonly start: number
  readonly end: number
  /** The body, of a codec that carries values; undefined where the handler returned nothing. */
  readonly value: unknown
}

export interface Codec {
  /**
   * What a body is to it. 'bytes', the default: bytes, which for a route of bytes stay what they are, and for any other
   * are one msgpack value. 'values': what JSON can say; a route of bytes gets a string as UTF-8, and answers with one.
   */
  readonly carries?: 'bytes' | 'values'
  /**
   * Whether answers must leave in the order of their messages, as they must where nothing tells them apart; true unless
   * set. Then a message is served when the one before it has been answered. Else they are served beside each other.
   */
  readonly ordered?: boolean
  /** Whether a service may send what nobody asked for (`connection.send`); true unless set. */
  readonly pushes?: boolean
  /**
   * Says what stands at the beginning of the bytes that came, by returning what a method of `reading` returns. It is
   * called again behind what it found, and when more bytes have come. Throws only by mistake: that ends the connection
   * as a fault of the server.
   */
  decode(reading: Reading): Decoded
  /** The same once the peer has sent its FIN and bytes are left. Without it they count as a cut message. */
  end?(reading: Reading): Decoded
  /** The body that a handler of `route` gets, where that is not what `decode` found; of codecs that carry values. */
  bodyFor?(found: unknown, route: string): unknown
  /** Writes an answer. What it throws is HANDLER_FAILED to the peer, and a line of the log. */
  encodeAnswer(writer: Writer, answer: CodecAnswer): void
  /**
   * Writes an error. Without it an error is told by closing the connection.
   * @param tag of the message that it answers; undefined where it concerns the connection
   */
  encodeError?(writer: Writer, error: ShardwireError, tag: unknown): void
}

/** What a codec is made for: one listener. */
export interface CodecOptions {
  /** Most bytes that a message may have, without what delimits it: SHARDWIRE_MAX_FRAME_BYTES, or the listener's own. */
  readonly messageBytesMax: number
  /** Parameters of the address whose name begins with `codec-`, without that. */
  readonly parameters: Readonly<Record<string, string>>
}

export interface CodecDefinition {
  /** For logs. */
  readonly name: string
  /** Makes the codec of a listener. What it throws stops the start. */
  create(options: CodecOptions): Codec
}

/** Marks definitions, also when the module has another copy of this package than the daemon. */
const BRAND = Symbol.for('shardwire.codec')

/** What a codec module exports as its default: `?codec=./my-codec.ts`. */
export function defineCodec(definition: CodecDefinition): CodecDefinition {
  const { name } = definition
  if (typeof name !== 'string' || name === '') throw new TypeError('defineCodec: name must be a text')
  if (typeof definition.create !== 'function')
    throw new TypeError(`defineCodec: create of codec ${name} must be a function`)
  return Object.defineProperty({ ...definition }, BRAND, { value: true })
}

/** Whether a value came from `defineCodec`. */
export function isCodecDefinition(value: unknown): value is CodecDefinition {
  return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true
}

/** What is wrong with what `create` returned; undefined for a codec. */
export function codecFault(codec: unknown): string | undefined {
  if (typeof codec !== 'object' || codec === null) return `create returned ${codec === null ? 'null' : typeof codec}`
  for (const name of ['decode', 'encodeAnswer']) {
    if (typeof Reflect.get(codec, name) !== 'function') return `its ${name} must be a function`
  }
  for (const name of ['end', 'encodeError', 'bodyFor']) {
    const member: unknown = Reflect.get(codec, name)
    if (member !== undefined && typeof member !== 'function') return `its ${name} must be a function, or not there`
  }
  const carries: unknown = Reflect.get(codec, 'carries')
  if (carries !== undefined && carries !== 'bytes' && carries !== 'values') return `its carries must be bytes or values`
  for (const name of ['ordered', 'pushes']) {
    const flag: unknown = Reflect.get(codec, name)
    if (flag !== undefined && typeof flag !== 'boolean') return `its ${name} must be true or false`
  }
  return undefined
}
