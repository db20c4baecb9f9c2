/**
 * Owns the cases of decoding and encoding frames.
 * Must not know: sockets.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'
import {
  allocateMemory,
  DECODE_FRAME,
  FRAME_BYTES_MAX_DEFAULT,
  FrameDecoder,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  turnIntoResponse,
  viewOf,
  writeFrame,
} from '@shardwire/protocol'
import { fillVaried, kernelSlab, SLAB_BYTES, slabOfFrames } from './bytes.ts'
import type { Variant } from './loop.ts'
import type { MicroCase } from './micro-case.ts'

const SIZES = [
  ['64B', 64],
  ['1KB', 1024],
  ['4KB', 4096],
] as const

function decoding(name: string, kind: number, bodyBytes: number): Variant {
  const { memory, end, frames, frameBytes } = slabOfFrames(kind, bodyBytes, kernelSlab())
  const decoder = new FrameDecoder(FRAME_BYTES_MAX_DEFAULT)
  const stream = { brokenCode: 0 }
  return {
    name,
    operations: frames,
    bytesPerOperation: frameBytes,
    run() {
      let sum = 0
      decoder.begin(memory, 0, end)
      for (let at = 0; at < end; at = decoder.frameEnd) {
        if (decoder.next(stream, memory, at, end) !== DECODE_FRAME) throw new Error(decoder.brokenDetail)
        sum += decoder.bodyStart ^ decoder.bodyEnd ^ decoder.route ^ decoder.id
      }
      return sum
    },
  }
}

/** What no decoder that checks can be faster than: the CRCs alone, over views that were made before. */
function crcAlone(bodyBytes: number): Variant {
  const { memory, frames, frameBytes } = slabOfFrames(KIND_MESSAGE, bodyBytes)
  const views = Array.from({ length: frames }, (_, n) => viewOf(memory, n * frameBytes, (n + 1) * frameBytes - 4))
  return {
    name: 'zlib.crc32 alone',
    operations: frames,
    bytesPerOperation: frameBytes - 4,
    run() {
      let sum = 0
      for (const view of views) sum ^= zlibCrc32(view)
      return sum
    },
  }
}

export const decodeCases: readonly MicroCase[] = SIZES.map(([size, bodyBytes]) => ({
  name: `decode-${size}`,
  unit: 'M/s',
  ratios: [bodyBytes === 4096 ? ['MESSAGE', 'zlib.crc32 alone', 0.9] : ['MESSAGE', 'zlib.crc32 alone']],
  goals: bodyBytes === 64 ? { MESSAGE: 15 } : {},
  notes: [`frames with a body of ${bodyBytes} B from a slab of ${SLAB_BYTES} B, CRC checked`],
  conclude: ({ series }) => {
    const bytes = series[0]?.heapBytesPerOperation ?? 0
    return bodyBytes === 64 ? [`heap by frame: ${bytes} B, goal 0: ${bytes === 0 ? 'reached' : 'NOT reached'}`] : []
  },
  build: () => [
    decoding('MESSAGE', KIND_MESSAGE, bodyBytes),
    decoding('REQUEST', KIND_REQUEST, bodyBytes),
    crcAlone(bodyBytes),
  ],
}))

/** The same frames, each in a Buffer of its own, as one writes it by hand. */
function encodeByHand(route: number, body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(body.length + 10)
  frame.writeUInt16BE((KIND_MESSAGE << 12) | route, 0)
  frame.writeUInt32BE(body.length, 2)
  body.copy(frame, 6)
  frame.writeUInt32BE(zlibCrc32(frame.subarray(0, 6 + body.length)), 6 + body.length)
  return frame
}

function encoding(bodyBytes: number): Variant[] {
  const slab = kernelSlab()
  const bodies = fillVaried(Buffer.alloc(SLAB_BYTES), bodyBytes)
  const frames = Math.floor(SLAB_BYTES / (bodyBytes + 10))
  const views = Array.from({ length: frames }, (_, n) =>
    Buffer.from(bodies.subarray(n * bodyBytes, (n + 1) * bodyBytes)),
  )
  return [
    {
      name: 'writeFrame',
      operations: frames,
      run() {
        let at = 0
        for (let n = 0; n < frames; n++) {
          at = writeFrame(slab, at, KIND_MESSAGE, 1, 0, bodies, n * bodyBytes, (n + 1) * bodyBytes)
        }
        return at ^ (slab[at - 1] as number)
      },
    },
    {
      name: 'by hand',
      operations: frames,
      run() {
        let sum = 0
        for (const body of views) sum ^= encodeByHand(1, body)[bodyBytes + 9] as number
        return sum
      },
    },
  ]
}

export const encodeCases: readonly MicroCase[] = SIZES.map(([size, bodyBytes]) => ({
  name: `encode-${size}`,
  unit: 'M/s',
  ratios: [['writeFrame', 'by hand']],
  notes: ['by hand: Buffer.allocUnsafe, copy, zlib.crc32; its Buffers are not on the JavaScript heap'],
  build: () => encoding(bodyBytes),
}))

/** A forwarded REQUEST: its answer made in place, or written anew with a CRC of its own. */
export const forwardCase: MicroCase = {
  name: 'forward-64B',
  unit: 'M/s',
  ratios: [['turnIntoResponse', 'written anew']],
  build: () => {
    const { memory, end, frames, frameBytes } = slabOfFrames(KIND_REQUEST, 64)
    const target = allocateMemory(SLAB_BYTES)
    return [
      {
        name: 'turnIntoResponse',
        operations: frames,
        // Every second run turns them back: the change is the same both ways.
        run() {
          for (let at = 0; at < end; at += frameBytes) turnIntoResponse(memory, at, at + frameBytes)
          return memory[end - 1] as number
        },
      },
      {
        name: 'written anew',
        operations: frames,
        run() {
          for (let at = 0, n = 1; at < end; at += frameBytes, n++) {
            writeFrame(target, at, KIND_RESPONSE, 1, n, memory, at + 10, at + frameBytes - 4)
          }
          return target[end - 1] as number
        },
      },
    ]
  },
}
