/**
 * Owns packages/protocol/src/crc/kernel-code.ts, the compiled CRC kernel. Run it after changing what is beside this
 * file (a test fails until then):
 *
 *     node --conditions=source scripts/crc-kernel.ts
 *
 * Must not know: who calls the kernel; where its memory is divided is kernel-layout.ts.
 * Invariant: the same sources give the same bytes.
 */
import { writeFileSync } from 'node:fs'
import wabt from 'wabt'
import { KERNEL_LAYOUT } from '../packages/protocol/src/crc/kernel-layout.ts'
import { FOLD_BYTES_MIN, foldLocals, foldText, REST_BYTES } from './crc-kernel/fold.ts'
import { lanesData, lanesFunction } from './crc-kernel/lanes.ts'
import { scanFunction } from './crc-kernel/scan.ts'
import { tableFunction } from './crc-kernel/table.ts'

/** Where the compiled kernel stands. */
export const KERNEL_FILE = new URL('../packages/protocol/src/crc/kernel-code.ts', import.meta.url)

const COLUMNS = 110
/** From here on folding wins over the table (benchmarks, crc). */
const FOLD_FROM_BYTES = Math.max(FOLD_BYTES_MIN, 176)

/**
 * The kernel as WebAssembly text, over the memory env.memory: `crc32(start, end, seed)`, `copy(from, to, bytes)` and
 * `scan(start, end, lengthMax)`.
 */
export function kernelText(): string {
  const { tablesAt, restAt, pages } = KERNEL_LAYOUT
  if (tablesAt !== 0) throw new Error('the tables are addressed from 0')
  return [
    '(module',
    `(import "env" "memory" (memory ${pages} ${pages}))`,
    tableFunction(),
    '(func (export "copy") (param $from i32) (param $to i32) (param $bytes i32)',
    '  (memory.copy (local.get $to) (local.get $from) (local.get $bytes)))',
    '(func $crc32 (export "crc32") (param $at i32) (param $end i32) (param $crc i32) (result i32)',
    `  ${foldLocals()}`,
    '(local.set $crc (i32.xor (local.get $crc) (i32.const -1)))',
    `(if (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const ${FOLD_FROM_BYTES})) (then`,
    ...foldText(restAt),
    `(local.set $crc (call $table (i32.const ${restAt}) (i32.const ${restAt + REST_BYTES}) (i32.const 0)))))`,
    '(i32.xor (call $table (local.get $at) (local.get $end) (local.get $crc)) (i32.const -1)))',
    lanesData(),
    lanesFunction(),
    scanFunction(),
    ')',
  ].join('\n')
}

/** The text of the file. */
export async function kernelModule(): Promise<string> {
  const toolkit = await wabt()
  const { buffer } = toolkit
    .parseWat('crc-kernel.wat', kernelText(), { simd: true, relaxed_simd: true, bulk_memory: true })
    .toBinary({})
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? []
  return [
    '/**',
    ' * The CRC kernel, compiled. Written by scripts/crc-kernel.ts; its source is scripts/crc-kernel/.',
    ' * Invariant: nothing here is written by hand.',
    ' */',
    'export const KERNEL_CODE: string = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('')",
    '',
  ].join('\n')
}

if (import.meta.main) writeFileSync(KERNEL_FILE, await kernelModule())
