/**
 * Owns the shapes of the vectors, and how values that JSON lacks are written in them.
 * Must not know: which vectors there are.
 * Invariant: `fromTagged(toTagged(value))` is the value; tags are objects with one key that begins with a dollar sign.
 */
import { encodeBody, encodeFrame, encodeMetadata, KIND_NAMES } from '@shardwire/protocol'

/** A frame by its fields, as JSON holds them. */
export interface FrameFields {
  /** One of KIND_NAMES. */
  readonly kind: string
  readonly route: number
  readonly id?: number
  /** The metadata map; absent where the frame has no META bit. */
  readonly meta?: Readonly<Record<string, unknown>>
  /** The body's bytes, or the value that they say in msgpack; absent for none. */
  readonly body?: { readonly hex: string } | { readonly msgpack: unknown }
}

export interface ValidFrame extends FrameFields {
  readonly name: string
  readonly hex: string
  /** True where an encoder would write other bytes for the same fields. */
  readonly decodeOnly?: boolean
}

/** Who finds the fault: the decoder, whoever reads the payload, or the demo service. */
export type Layer = 'framing' | 'payload' | 'service'

export interface InvalidFrame {
  readonly name: string
  /** Bytes from a client to a server, not always a whole frame. */
  readonly hex: string
  readonly layer: Layer
  readonly code: number
  readonly error: string
  /** Whether the server ends the connection after its ERROR frame. */
  readonly closes: boolean
  /** Route and id of the ERROR frame that a server answers with. */
  readonly answer: { readonly route: number; readonly id: number }
}

export interface ValidBody {
  readonly name: string
  readonly hex: string
  readonly value: unknown
  /** Set where the value needs a route that takes bigint. */
  readonly bigint?: boolean
  readonly decodeOnly?: boolean
}

export interface InvalidBody {
  readonly name: string
  readonly hex: string
  /** What is wrong, in the words that a BAD_BODY has. */
  readonly fault: string
}

export interface ProtocolVectors {
  readonly protocol: number
  readonly maxFrameBytes: number
  readonly validFrames: readonly ValidFrame[]
  readonly invalidFrames: readonly InvalidFrame[]
  readonly validBodies: readonly ValidBody[]
  readonly invalidBodies: readonly InvalidBody[]
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** The bytes of a frame by its fields. */
export function encodeFields(fields: FrameFields): Uint8Array {
  const { kind, route, id, meta, body } = fields
  const number = (KIND_NAMES as readonly string[]).indexOf(kind)
  if (number < 0) throw new RangeError(`no kind ${kind}`)
  return encodeFrame({
    kind: number,
    route,
    ...(id === undefined ? {} : { id }),
    ...(meta === undefined ? {} : { meta: encodeMetadata(meta) }),
    ...(body === undefined ? {} : { body: bodyBytes(body) }),
  })
}

function bodyBytes(body: { readonly hex: string } | { readonly msgpack: unknown }): Uint8Array {
  return 'hex' in body ? fromHex(body.hex) : encodeBody(fromTagged(body.msgpack))
}

/** The value with everything that JSON lacks as a tag. */
export function toTagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) }
  if (value instanceof Uint8Array) return { $bytes: toHex(value) }
  if (value instanceof Date) return { $timestamp: value.toISOString() }
  if (Array.isArray(value)) return value.map(toTagged)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toTagged(member)]))
}

/** The value that a tagged one stands for. */
export function fromTagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromTagged)
  if (typeof value !== 'object' || value === null) return value
  const [[tag, text] = ['', ''], ...others] = Object.entries(value)
  if (others.length === 0 && typeof text === 'string') {
    if (tag === '$bigint') return BigInt(text)
    if (tag === '$number') return Number(text)
    if (tag === '$bytes') return fromHex(text)
    if (tag === '$timestamp') return new Date(text)
  }
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fromTagged(member)]))
}
