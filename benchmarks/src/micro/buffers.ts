/**
 * Owns the cases of memory that holds cut frames, and of where it comes from.
 * Must not know: frames' content.
 */
import { BufferPool, RingBuffer } from '@shardwire/protocol'
import { fillVaried } from './bytes.ts'
import type { MicroCase } from './micro-case.ts'

const OPERATIONS = 500
const FRAME_BYTES = 1034
const BLOCK_BYTES = 4096

/** Where each frame is cut: no two neighbours alike. */
const CUTS = Array.from({ length: OPERATIONS }, (_, n) => 6 + ((n * 389) % (FRAME_BYTES - 12)))

export const ringCase: MicroCase = {
  name: 'ring',
  unit: 'ns',
  ratios: [['ring', 'Buffer.concat']],
  notes: [`a frame of ${FRAME_BYTES} B that comes in two parts: put together, looked at, given up`],
  build: () => {
    const source = fillVaried(Buffer.alloc(FRAME_BYTES), 1)
    const ring = new RingBuffer(new Uint8Array(BLOCK_BYTES))
    return [
      {
        name: 'ring',
        operations: OPERATIONS,
        run() {
          let sum = 0
          for (const cut of CUTS) {
            ring.makeRoom(FRAME_BYTES)
            ring.append(source, 0, cut)
            ring.append(source, cut, FRAME_BYTES)
            sum += ring.memory[ring.head + cut] as number
            ring.consume(FRAME_BYTES)
          }
          return sum
        },
      },
      {
        name: 'Buffer.concat',
        operations: OPERATIONS,
        run() {
          let sum = 0
          for (const cut of CUTS) {
            const whole = Buffer.concat([source.subarray(0, cut), source.subarray(cut)])
            sum += whole[cut] as number
          }
          return sum
        },
      },
    ]
  },
}

export const poolCase: MicroCase = {
  name: 'pool',
  unit: 'ns',
  ratios: [
    ['lease and release', 'Buffer.allocUnsafeSlow'],
    ['lease and release', 'Buffer.alloc'],
  ],
  notes: [
    `a block of ${BLOCK_BYTES} B; what the Buffers hold is not on the JavaScript heap and costs collections later`,
  ],
  build: () => {
    const [bytesMax, freeBytesMax] = [1 << 24, 1 << 22]
    const pool = new BufferPool({ bytesMax, freeBytesMax, blockBytesMin: 1024, blockBytesMax: 65_536 })
    const allocating = (name: string, allocate: (bytes: number) => Buffer) => ({
      name,
      operations: OPERATIONS,
      run() {
        let sum = 0
        for (let n = 0; n < OPERATIONS; n++) {
          const block = allocate(BLOCK_BYTES)
          block[n] = n
          sum += block[n] as number
        }
        return sum
      },
    })
    return [
      {
        name: 'lease and release',
        operations: OPERATIONS,
        run() {
          let sum = 0
          for (let n = 0; n < OPERATIONS; n++) {
            const block = pool.leaseBeyondBound(BLOCK_BYTES)
            block[n] = n
            sum += block[n] as number
            pool.release(block)
          }
          return sum
        },
      },
      allocating('Buffer.allocUnsafeSlow', (bytes) => Buffer.allocUnsafeSlow(bytes)),
      allocating('Buffer.alloc', (bytes) => Buffer.alloc(bytes)),
    ]
  },
}
