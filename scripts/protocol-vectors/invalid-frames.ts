/**
 * Owns the vectors of frames that are refused.
 * Must not know: how they are published.
 * Invariant: each breaks one rule, or two of which the error names the first; all are what a client may send.
 */
import {
  BAD_BODY,
  BAD_CRC,
  BAD_FRAME,
  encodeBody,
  errorName,
  FRAME_BYTES_MAX_DEFAULT,
  FRAME_TOO_LARGE,
  NOT_IMPLEMENTED,
  sealFrame,
  UNKNOWN_ROUTE,
  writeU16,
} from '@shardwire/protocol'
import { controlBytes } from './frames.ts'
import { encodeFields, fromHex, type InvalidFrame, type Layer, toHex } from './vector.ts'

const CONNECTION = { route: 0, id: 0 }
/** Metadata blocks that are not one valid msgpack map with string keys of depth 4 at most. */
const BAD_METADATA: readonly (readonly [string, string])[] = [
  ['is empty', ''],
  ['is an array', '90'],
  ['is a map with a byte behind it', '8000'],
  ['is cut', '81a161'],
  ['has a key that is a number', '810102'],
  ['has the key __proto__', '81a95f5f70726f746f5f5f01'],
  ['has a string that is no UTF-8', '81a161a1ff'],
  ['has an extension', '81a161d40100'],
  ['has depth 5', '81a16181a16281a1639191c0'],
  ['has an integer beyond 2^53', '81a161cf0020000000000000'],
]

/** A sealed frame with any header word and payload. */
function raw(header: number, payload: string): Uint8Array {
  const bytes = fromHex(payload)
  const memory = new Uint8Array(bytes.length + 10)
  writeU16(memory, 0, header)
  memory.set(bytes, 6)
  sealFrame(memory, 0, 6 + bytes.length)
  return memory
}

/** The same bytes with one bit turned over. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[at < 0 ? copy.length + at : at] = (bytes.at(at) ?? 0) ^ 1
  return copy
}

function broken(name: string, bytes: Uint8Array | string, code: number): InvalidFrame {
  return refused(name, bytes, 'framing', code, true, CONNECTION)
}

function refused(
  name: string,
  bytes: Uint8Array | string,
  layer: Layer,
  code: number,
  closes: boolean,
  answer: InvalidFrame['answer'],
): InvalidFrame {
  const hex = typeof bytes === 'string' ? bytes : toHex(bytes)
  return { name, hex, layer, code, error: errorName(code), closes, answer }
}

/** What a decoder finds by itself; the stream is broken from there on. */
export function brokenFrames(): InvalidFrame[] {
  return [...prefixFaults(), ...crcFaults(), ...idFaults(), ...metadataFaults(), ...controlFaults()]
}

function prefixFaults(): InvalidFrame[] {
  const tooLarge = (FRAME_BYTES_MAX_DEFAULT + 1).toString(16).padStart(8, '0')
  return [
    broken('kind 5, reserved, seen in the first six bytes', '500100000001', BAD_FRAME),
    broken('kind 6, reserved, seen in the first six bytes', '600100000001', BAD_FRAME),
    broken('kind 5 with META', 'd00100000001', BAD_FRAME),
    broken('length one above the limit, seen in the first six bytes', `0001${tooLarge}`, FRAME_TOO_LARGE),
    broken('the largest length', '0001ffffffff', FRAME_TOO_LARGE),
    broken('reserved kind before length: kind 6 and the largest length', '6001ffffffff', BAD_FRAME),
    broken('length before structure: CANCEL with META', `c001${tooLarge}`, FRAME_TOO_LARGE),
  ]
}

function crcFaults(): InvalidFrame[] {
  const echo = encodeFields({ kind: 'MESSAGE', route: 1, body: { hex: '78' } })
  return [
    broken('a bit of the CRC wrong', flipped(echo, -1), BAD_CRC),
    broken('a bit of the body wrong', flipped(echo, 6), BAD_CRC),
    broken('a bit of the route wrong', flipped(echo, 1), BAD_CRC),
    broken('the CRC of the payload alone', '00010000000178' + '8cdc1683', BAD_CRC),
    broken('CRC before structure: REQUEST with id 0', flipped(raw(0x1001, '00000000'), -1), BAD_CRC),
    broken('CRC before structure: CANCEL with META', flipped(raw(0xc001, '00000001'), -1), BAD_CRC),
  ]
}

function idFaults(): InvalidFrame[] {
  return [
    broken('REQUEST without a payload', raw(0x1001, ''), BAD_FRAME),
    broken('REQUEST with three bytes of an id', raw(0x1001, '000001'), BAD_FRAME),
    broken('RESPONSE with three bytes of an id', raw(0x2001, '000001'), BAD_FRAME),
    broken('ERROR with three bytes of an id', raw(0x3001, '000001'), BAD_FRAME),
    broken('CANCEL with three bytes of an id', raw(0x4001, '000001'), BAD_FRAME),
    broken('REQUEST with id 0', raw(0x1001, '0000000078'), BAD_FRAME),
    broken('structure before route: REQUEST with id 0 to route 0', raw(0x1000, '00000000'), BAD_FRAME),
    broken('CANCEL with a body', raw(0x4001, '0000000178'), BAD_FRAME),
  ]
}

function metadataFaults(): InvalidFrame[] {
  return [
    broken('META without its length', raw(0x8001, ''), BAD_FRAME),
    broken('META with one byte of its length', raw(0x8001, '00'), BAD_FRAME),
    broken('META of a REQUEST without its length', raw(0x9001, '00000001'), BAD_FRAME),
    broken('META longer than the payload', raw(0x8001, '000280'), BAD_FRAME),
    broken('META of 4097 bytes', raw(0x8001, `1001${largeMap(4097)}`), BAD_FRAME),
    ...BAD_METADATA.map(([what, block]) => {
      return broken(`META that ${what}`, raw(0x8001, `${u16(block.length / 2)}${block}`), BAD_FRAME)
    }),
  ]
}

/** A map of one string that is `bytes` long in all. */
function largeMap(bytes: number): string {
  return `81a161da${u16(bytes - 6)}${'61'.repeat(bytes - 6)}`
}

function u16(value: number): string {
  return value.toString(16).padStart(4, '0')
}

function controlFaults(): InvalidFrame[] {
  return [
    broken('META on CANCEL', raw(0xc001, '00000001'), BAD_FRAME),
    broken('META on CONTROL', raw(0xf000, '000180'), BAD_FRAME),
    broken('PING with 126 bytes', controlBytes(0, 'a5'.repeat(126)), BAD_FRAME),
    broken('PONG with 126 bytes', controlBytes(1, 'a5'.repeat(126)), BAD_FRAME),
  ]
}

/** What shows only when the payload is read, or the route looked up. */
export function refusedFrames(): InvalidFrame[] {
  return [...deadlineFaults(), ...helloFaults(), ...serviceFaults()]
}

function payloadFault(name: string, bytes: Uint8Array): InvalidFrame {
  return refused(name, bytes, 'payload', BAD_FRAME, true, CONNECTION)
}

function deadlineFaults(): InvalidFrame[] {
  return ['soon', -1, 1.5, true].map((deadlineMs) => {
    const block = toHex(encodeBody({ deadlineMs }))
    const bytes = raw(0x9001, `00000001${u16(block.length / 2)}${block}`)
    return payloadFault(`META with the deadlineMs ${JSON.stringify(deadlineMs)}`, bytes)
  })
}

function helloFaults(): InvalidFrame[] {
  const hello = (value: unknown): Uint8Array => controlBytes(2, toHex(encodeBody(value)))
  return [
    payloadFault('HELLO without a payload', controlBytes(2, '')),
    payloadFault('HELLO that is an array', hello([1])),
    payloadFault('HELLO without protocol', hello({ name: 'probe' })),
    payloadFault('HELLO with a name that is a number', hello({ protocol: 1, name: 5 })),
    payloadFault('HELLO with a name of 257 characters', hello({ protocol: 1, name: 'n'.repeat(257) })),
    payloadFault('HELLO with a token of 4097 bytes', hello({ protocol: 1, token: 't'.repeat(4097) })),
    payloadFault('WELCOME from a client', controlBytes(3, '80')),
    refused('HELLO of another protocol', hello({ protocol: 2, name: 5 }), 'service', NOT_IMPLEMENTED, true, CONNECTION),
  ]
}

function serviceFaults(): InvalidFrame[] {
  const request = { kind: 'REQUEST', id: 6 }
  const greet = { route: 2, id: 6 }
  return [
    payloadFault('GOAWAY from a client', controlBytes(4, '80')),
    serviceFault('REQUEST to a route without a handler', { ...request, route: 9 }, UNKNOWN_ROUTE, { route: 9, id: 6 }),
    serviceFault('MESSAGE to a route without a handler', { kind: 'MESSAGE', route: 9 }, UNKNOWN_ROUTE, {
      route: 9,
      id: 0,
    }),
    serviceFault('MESSAGE to route 0', { kind: 'MESSAGE', route: 0 }, UNKNOWN_ROUTE, CONNECTION),
    serviceFault('greet without a body', { ...request, route: 2 }, BAD_BODY, greet),
    serviceFault(
      'greet with a body that is cut',
      { ...request, route: 2, body: { hex: '81a3756964' } },
      BAD_BODY,
      greet,
    ),
    refused('a reserved opcode', controlBytes(5, ''), 'service', NOT_IMPLEMENTED, false, CONNECTION),
    refused('an unknown opcode', controlBytes(4095, '00'), 'service', NOT_IMPLEMENTED, false, CONNECTION),
  ]
}

function serviceFault(
  name: string,
  fields: Parameters<typeof encodeFields>[0],
  code: number,
  answer: InvalidFrame['answer'],
): InvalidFrame {
  return refused(name, encodeFields(fields), 'service', code, false, answer)
}
