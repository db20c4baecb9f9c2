/**
 * Owns the vectors of valid frames.
 * Must not know: how they are published.
 * Invariant: every kind, every kind with META that may have it, every opcode and every error code occurs.
 */
import { encodeFrame, ERROR_TABLE, KIND_CONTROL, KIND_MESSAGE, KIND_REQUEST } from '@shardwire/protocol'
import { encodeFields, type FrameFields, fromHex, toHex, type ValidFrame } from './vector.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const X = { hex: '78' }

function valid(name: string, fields: FrameFields): ValidFrame {
  return { name, hex: toHex(encodeFields(fields)), ...fields }
}

/** MESSAGE, REQUEST, RESPONSE and CANCEL. */
export function plainFrames(): ValidFrame[] {
  return [
    valid('MESSAGE, the body x', { kind: 'MESSAGE', route: 1, body: X }),
    valid('MESSAGE without a body', { kind: 'MESSAGE', route: 1 }),
    valid('MESSAGE to the last route', { kind: 'MESSAGE', route: 4095, body: { hex: '00ff' } }),
    valid('MESSAGE to route 0, which belongs to no service', { kind: 'MESSAGE', route: 0, body: X }),
    valid('MESSAGE with a msgpack body', { kind: 'MESSAGE', route: 2, body: { msgpack: { uid: '1', val: 'world' } } }),
    valid('MESSAGE with META', { kind: 'MESSAGE', route: 1, meta: { deadlineMs: 250 }, body: X }),
    valid('MESSAGE with an empty META map and no body', { kind: 'MESSAGE', route: 1, meta: {} }),
    valid('MESSAGE with META of depth 4', { kind: 'MESSAGE', route: 1, meta: { a: { b: { c: [1] } } } }),
    valid('REQUEST', { kind: 'REQUEST', route: 1, id: 1, body: X }),
    valid('REQUEST with the largest id and no body', { kind: 'REQUEST', route: 1, id: 4_294_967_295 }),
    valid('REQUEST with META', {
      kind: 'REQUEST',
      route: 2,
      id: 2,
      meta: { deadlineMs: 1500, traceparent: TRACEPARENT, tenant: 'blue' },
      body: { msgpack: { uid: 'u-1', val: 'é€𝄞' } },
    }),
    ...decodeOnlyFrames(),
    valid('RESPONSE', { kind: 'RESPONSE', route: 1, id: 1, body: X }),
    valid('RESPONSE that says undefined', { kind: 'RESPONSE', route: 1, id: 1 }),
    valid('RESPONSE with META', { kind: 'RESPONSE', route: 1, id: 1, meta: { took: 3 }, body: X }),
    valid('CANCEL', { kind: 'CANCEL', route: 1, id: 1 }),
  ]
}

/** Bytes that a careful encoder would not choose, and that a decoder takes all the same. */
function decodeOnlyFrames(): ValidFrame[] {
  const mapOf32 = fromHex('df00000001aa646561646c696e654d73ce000000fa')
  const badTrace = fromHex('81ab7472616365706172656e74a3303030')
  const meta = encodeFrame({ kind: KIND_MESSAGE, route: 1, meta: mapOf32, body: fromHex('78') })
  const trace = encodeFrame({ kind: KIND_REQUEST, route: 1, id: 3, meta: badTrace })
  return [
    {
      ...{ name: 'META in longer forms than needed', hex: toHex(meta), decodeOnly: true },
      ...{ kind: 'MESSAGE', route: 1, meta: { deadlineMs: 250 }, body: X },
    },
    {
      ...{ name: 'META with a malformed traceparent, which is ignored', hex: toHex(trace), decodeOnly: true },
      ...{ kind: 'REQUEST', route: 1, id: 3, meta: {} },
    },
  ]
}

/** An ERROR of each code, and the ones that answer no request. */
export function errorFrames(): ValidFrame[] {
  const each = ERROR_TABLE.map(({ code, name, retryable }) => {
    const msgpack = { code, name, message: 'why', retryable }
    return valid(`ERROR ${name}`, { kind: 'ERROR', route: 1, id: 7, body: { msgpack } })
  })
  const unknown = { code: 5, name: 'UNKNOWN_ROUTE', message: 'route 9 has no handler', retryable: false }
  const busy = { code: 11, name: 'OVERLOADED', message: 'busy', retryable: true, retryAfterMs: 100 }
  const foreign = { code: 900, name: 'FROM_THE_FUTURE', message: '', retryable: true, details: { a: [1, null] } }
  return [
    ...each,
    valid('ERROR about one MESSAGE', { kind: 'ERROR', route: 9, id: 0, body: { msgpack: unknown } }),
    valid('ERROR about the connection', { kind: 'ERROR', route: 0, id: 0, body: { msgpack: busy } }),
    valid('ERROR of a code unknown to version 1', { kind: 'ERROR', route: 1, id: 8, body: { msgpack: foreign } }),
    valid('ERROR with META', { kind: 'ERROR', route: 1, id: 8, meta: { took: 3 }, body: { msgpack: busy } }),
  ]
}

/** Every opcode. */
export function controlFrames(): ValidFrame[] {
  const welcome = { protocol: 1, server: 'shardwire/0.1.0', connection: '01J9-0-1', shard: 0 }
  const goaway = { reason: 'drain', retry: 'later', retryAfterMs: 1000, jitterMs: 500, deadlineMs: 30_000 }
  return [
    control('PING without a payload', 0),
    control('PING with 125 bytes', 0, { hex: 'a5'.repeat(125) }),
    control('PONG', 1, { hex: '01020304' }),
    control('HELLO, the least', 2, { msgpack: { protocol: 1 } }),
    control('HELLO in full', 2, { msgpack: { protocol: 1, name: 'probe', version: '2.0', token: 'secret' } }),
    control('HELLO with keys of a later version', 2, { msgpack: { protocol: 1, resume: { from: 4 } } }),
    control('WELCOME', 3, { msgpack: { ...welcome, maxFrameBytes: 1_048_576, heartbeatMs: 15_000 } }),
    control('GOAWAY, later', 4, { msgpack: goaway }),
    control('GOAWAY, now', 4, { msgpack: { ...goaway, retry: 'now', retryAfterMs: 0 } }),
    control('GOAWAY, never', 4, { msgpack: { ...goaway, retry: 'never' } }),
  ]
}

function control(name: string, route: number, body?: FrameFields['body']): ValidFrame {
  return valid(name, { kind: 'CONTROL', route, ...(body === undefined ? {} : { body }) })
}

/** A CONTROL frame with any opcode and payload. */
export function controlBytes(route: number, payload: string): Uint8Array {
  return encodeFrame({ kind: KIND_CONTROL, route, body: fromHex(payload) })
}
