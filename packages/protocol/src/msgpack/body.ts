/**
 * Owns the way between msgpack bodies and JavaScript values.
 * Must not know: frames, routes, who asked.
 * Invariant: nothing is built from bytes that the scanner refused; a value that was decoded shares no memory with the
 * bytes it came from, and bytes that were encoded share none with the encoder.
 *
 * What a value becomes: nil null; integers numbers, or bigints for the 64-bit forms where the limits take bigint;
 * timestamps Dates; binary Uint8Arrays; maps plain objects, the last of repeated keys winning. Back: undefined is an
 * empty body at the top, left out in a map, nil in an array; a class instance is the map of its own properties. One
 * thing is lost: the library drops a byte order mark that begins a string above 200 bytes.
 */
import { Decoder, Encoder } from '@msgpack/msgpack'
import { copyBytes } from '../bytes.ts'
import { BAD_BODY, ShardwireError } from '../errors.ts'
import { assertScalar, BodyExtensions } from './extensions.ts'
import { MSGPACK_OK, msgpackFaultText } from './faults.ts'
import { BODY_LIMITS_DEFAULT, MSGPACK_DEPTH_MAX, type MsgpackLimits } from './limits.ts'
import { MsgpackScanner } from './scan.ts'

/** Whether bigints are written: pass the limits of the route itself. */
export type EncodeOptions = Pick<MsgpackLimits, 'bigint'>

/** An encoder whose memory grew beyond this is let go, so that one large value is not paid for ever after. */
const ENCODER_BYTES_KEPT = 262_144
const ENCODER_BYTES_INITIAL = 4096
const NO_BYTES = new Uint8Array(0)

const scanner = new MsgpackScanner()
const decoder = new Decoder()
const bigintDecoder = new Decoder({ useBigInt64: true })
let encoder = createEncoder(false)
let bigintEncoder = createEncoder(true)

/**
 * The value of the body memory[start, end). Throws a ShardwireError with BAD_BODY, naming the fault and its offset in
 * the body; an empty body is one, too: whether it means undefined is for the caller to say.
 */
export function decodeBody(
  memory: Uint8Array,
  start: number,
  end: number,
  limits: MsgpackLimits = BODY_LIMITS_DEFAULT,
): unknown {
  const fault = scanner.scan(memory, start, end, limits)
  if (fault !== MSGPACK_OK) {
    const where = start === end ? 'it is empty' : `at byte ${scanner.faultAt - start}`
    throw new ShardwireError(BAD_BODY, `body: ${msgpackFaultText(fault)} (${where})`)
  }
  const bytes = memory.subarray(start, end)
  return (limits.bigint ? bigintDecoder : decoder).decode(scanner.hasBinary ? ownCopy(bytes) : bytes)
}

/**
 * The body that says `value`, in memory of its own; undefined is no bytes. Throws a TypeError naming what msgpack has
 * no form for: functions, symbols, Maps, Sets, bigints where the options do not take them, lone surrogates, a property
 * `__proto__`, nesting beyond MSGPACK_DEPTH_MAX.
 */
export function encodeBody(value: unknown, options: EncodeOptions = BODY_LIMITS_DEFAULT): Uint8Array {
  return value === undefined ? NO_BYTES : ownCopy(encodeShared(value, options))
}

/**
 * Writes the body that says `value` to memory at `at`.
 * @returns the offset behind it, or -1 when it does not fit; throws as `encodeBody` does
 */
export function encodeBodyInto(
  value: unknown,
  memory: Uint8Array,
  at: number,
  options: EncodeOptions = BODY_LIMITS_DEFAULT,
): number {
  if (value === undefined) return at
  const bytes = encodeShared(value, options)
  if (bytes.length > memory.length - at) return -1
  copyBytes(bytes, 0, bytes.length, memory, at)
  return at + bytes.length
}

/** The encoder's own memory: to be copied before anything else is encoded. */
function encodeShared(value: unknown, options: EncodeOptions): Uint8Array {
  assertScalar(value)
  try {
    const bytes = (options.bigint ? bigintEncoder : encoder).encodeSharedRef(value)
    if (bytes.length > ENCODER_BYTES_KEPT) renewEncoders()
    return bytes
  } catch (error) {
    if (error instanceof TypeError) throw error
    const what = isTooDeep(error) ? ` nested deeper than ${MSGPACK_DEPTH_MAX}` : ', which throws when it is read'
    throw new TypeError(`cannot encode a value${what}`, { cause: error })
  }
}

/** By the library's words; anything else is what a getter of the value threw. */
function isTooDeep(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Too deep objects')
}

function renewEncoders(): void {
  encoder = createEncoder(false)
  bigintEncoder = createEncoder(true)
}

function createEncoder(useBigInt64: boolean): Encoder {
  return new Encoder({
    extensionCodec: new BodyExtensions(),
    useBigInt64,
    // The library counts a scalar as depth 1.
    maxDepth: MSGPACK_DEPTH_MAX + 1,
    initialBufferSize: ENCODER_BYTES_INITIAL,
    ignoreUndefined: true,
  })
}

/** A plain Uint8Array: `slice` of a Buffer would be a view, and handlers are not given Buffers. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
