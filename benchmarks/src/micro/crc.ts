/**
 * Owns the case that CRC_NATIVE_BYTES_MIN relies on: from which length on zlib's CRC beats the table.
 * Must not know: frames.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { CRC_NATIVE_BYTES_MIN, crc32, crc32ByTable, viewOf } from '@shardwire/protocol'
import type { CaseResult } from '../results.ts'
import { fillVaried, SLAB_BYTES } from './bytes.ts'
import type { Variant } from './loop.ts'
import type { MicroCase } from './micro-case.ts'

const LENGTHS = [16, 32, 64, 128, 256, 384, 448, 512, 1024, 4096]
const OPERATIONS = 500

const tableName = (length: number): string => `table ${length} B`
const zlibName = (length: number): string => `zlib ${length} B`
const chosenName = (length: number): string => `crc32 ${length} B`

/** Runs of `length` bytes at offsets that differ, as frames in a slab have them. */
function variant(
  name: string,
  length: number,
  crc: (memory: Uint8Array, start: number, end: number) => number,
): Variant {
  const memory = fillVaried(new Uint8Array(SLAB_BYTES), length)
  const span = SLAB_BYTES - length
  return {
    name,
    operations: OPERATIONS,
    run() {
      let sum = 0
      for (let n = 0, start = 0; n < OPERATIONS; n++) {
        sum ^= crc(memory, start, start + length)
        start += length
        if (start > span) start -= span
      }
      return sum
    },
  }
}

/** Where the two cross, in words. */
function crossing({ series }: CaseResult): string[] {
  const medianOf = (name: string): number => series.find((one) => one.name === name)?.median ?? 0
  const first = LENGTHS.findIndex((length) => medianOf(zlibName(length)) < medianOf(tableName(length)))
  const where =
    first < 0 ? 'at none of these lengths' : `from ${LENGTHS[first]} B on, not yet at ${LENGTHS[first - 1] ?? 0} B`
  return [`zlib is faster ${where}; CRC_NATIVE_BYTES_MIN is ${CRC_NATIVE_BYTES_MIN}`]
}

export const crcCase: MicroCase = {
  name: 'crc',
  unit: 'ns',
  ratios: LENGTHS.flatMap((length) => [
    [tableName(length), zlibName(length)],
    [chosenName(length), zlibName(length)],
  ]),
  notes: ['zlib with the view that it needs; crc32 is what the package chooses, over memory that it did not allocate'],
  conclude: crossing,
  build: () =>
    LENGTHS.flatMap((length) => [
      variant(tableName(length), length, (memory, start, end) => crc32ByTable(memory, start, end, 0)),
      variant(zlibName(length), length, (memory, start, end) => zlibCrc32(viewOf(memory, start, end))),
      variant(chosenName(length), length, (memory, start, end) => crc32(memory, start, end)),
    ]),
}
