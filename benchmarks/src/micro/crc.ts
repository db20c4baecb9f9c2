/**
 * Owns the case that CRC_STAGED_BYTES_MIN relies on: from which length on a copy to the kernel beats the table, and
 * what the kernel gains where the bytes stand in its memory already.
 * Must not know: frames.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { CRC_STAGED_BYTES_MIN, crc32, crc32ByTable, crc32Signed, crc32Staged, viewOf } from '@shardwire/protocol'
import type { CaseResult } from '../results.ts'
import { fillVaried, kernelSlab, SLAB_BYTES } from './bytes.ts'
import type { Variant } from './loop.ts'
import type { MicroCase } from './micro-case.ts'

const LENGTHS = [16, 64, 70, 128, 192, 256, 384, 512, 1034, 4106]
const OPERATIONS = 500

const tableName = (length: number): string => `table ${length} B`
const zlibName = (length: number): string => `zlib ${length} B`
const stagedName = (length: number): string => `staged ${length} B`
const kernelName = (length: number): string => `in kernel ${length} B`
const chosenName = (length: number): string => `crc32 ${length} B`

/** Runs of `length` bytes at offsets that differ, as frames in a slab have them. */
function variant(
  name: string,
  length: number,
  crc: (memory: Uint8Array, start: number, end: number) => number,
  memory: Uint8Array = fillVaried(new Uint8Array(SLAB_BYTES), length),
): Variant {
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
  const first = LENGTHS.findIndex((length) => medianOf(stagedName(length)) < medianOf(tableName(length)))
  const where =
    first < 0 ? 'at none of these lengths' : `from ${LENGTHS[first]} B on, not yet at ${LENGTHS[first - 1] ?? 0} B`
  return [`copied to the kernel is faster than the table ${where}; CRC_STAGED_BYTES_MIN is ${CRC_STAGED_BYTES_MIN}`]
}

export const crcCase: MicroCase = {
  name: 'crc',
  unit: 'ns',
  ratios: LENGTHS.flatMap((length) => [
    [stagedName(length), tableName(length)],
    [kernelName(length), zlibName(length)],
  ]),
  notes: [
    'zlib with the view that it needs; in kernel: the bytes stand in its memory, as those of the read slab do;',
    'staged: copied there first; crc32 is what the package chooses for bytes that stand elsewhere',
  ],
  conclude: crossing,
  build: () => {
    const slab = fillVaried(kernelSlab(), 1)
    return LENGTHS.flatMap((length) => [
      variant(tableName(length), length, (memory, start, end) => crc32ByTable(memory, start, end, 0)),
      variant(zlibName(length), length, (memory, start, end) => zlibCrc32(viewOf(memory, start, end))),
      variant(stagedName(length), length, (memory, start, end) => crc32Staged(memory, start, end, 0)),
      variant(kernelName(length), length, (memory, start, end) => crc32Signed(memory, start, end), slab),
      variant(chosenName(length), length, (memory, start, end) => crc32(memory, start, end)),
    ])
  },
}
