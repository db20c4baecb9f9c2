/**
 * Owns the part of the CRC kernel that checks sixteen short frames at once, as WebAssembly text: one in each byte of a
 * vector, by tables of sixteen entries that are registers. So it waits for no memory, where slicing has to fetch 16 KiB
 * of tables anew whenever the kernel of the system has used the cache.
 * Must not know: what a frame is beyond its CRC, how frames are found.
 * Invariant: only bytes of the frames decide the result; others are loaded, and masked.
 *
 * Frames are aligned at their ends, where their CRCs stand, so their lengths may differ: a register of zero stays zero
 * over the zeros that bytes before a frame are taken for, and its start is the complement of its first four bytes.
 */
import { CRC_BYTES } from '../../packages/protocol/src/frame.ts'
import { CRC_TABLES } from '../../packages/protocol/src/crc/tables.ts'
import { FOUND_WORDS, KERNEL_LAYOUT } from '../../packages/protocol/src/crc/kernel-layout.ts'

export const LANES = 16
/** Bytes of a vector, and columns of a block. */
const VECTOR = 16
const HALF = LANES / 2
const ENTRY_BYTES = FOUND_WORDS * 4
/** In the words of a frame that was found: its whole length, and where it ends. */
export const BYTES_OFFSET = 4
export const END_OFFSET = 12

/** Parts of lanesAt: columns of a block, half of its rows, and two arrays of which sixteen bytes are taken. */
const COLUMNS_AT = KERNEL_LAYOUT.lanesAt
const ROWS_AT = COLUMNS_AT + VECTOR * LANES
const INSIDE_AT = ROWS_AT + VECTOR * HALF
const SLIDE_BYTES = VECTOR + CRC_BYTES + VECTOR
const FIRST_AT = INSIDE_AT + SLIDE_BYTES

/** Which bytes of a vector stand in the frame, and which are its first four, by how far before the frame it begins. */
export function lanesData(): string {
  const bytes = (isSet: (index: number) => boolean): string =>
    indices(SLIDE_BYTES)
      .map((index) => (isSet(index) ? '\\ff' : '\\00'))
      .join('')
  const inside = bytes((index) => index >= VECTOR)
  const first = bytes((index) => index >= VECTOR && index < VECTOR + CRC_BYTES)
  return `(data (i32.const ${INSIDE_AT}) "${inside}${first}")`
}

/** Table of what a nibble adds to byte `byte` of the register. */
function nibbleTable(byte: number, shift: number): string {
  const entries = indices(16).map((nibble) => ((CRC_TABLES[nibble << shift] ?? 0) >>> (8 * byte)) & 255)
  return `(v128.const i8x16 ${entries.join(' ')})`
}

const UNPACK_LOW = (bytes: number): string => unpack(bytes, 0)
const UNPACK_HIGH = (bytes: number): string => unpack(bytes, VECTOR / 2)

/** Lanes of a shuffle that takes groups of `bytes` from one vector and the other in turn. */
function unpack(bytes: number, from: number): string {
  return indices(VECTOR)
    .map((at) => {
      const group = Math.floor(at / bytes)
      return from + (group >> 1) * bytes + (at % bytes) + (group & 1) * VECTOR
    })
    .join(' ')
}

/** Row `lane` of a block, into $r<lane mod HALF>. */
function row(lane: number, isMasked: boolean): string[] {
  const entry = lane * ENTRY_BYTES
  const target = `$r${lane % HALF}`
  const load = [
    `(local.set $at (i32.sub (i32.load offset=${entry + END_OFFSET} (local.get $from)) (local.get $back)))`,
    `(local.set ${target} (v128.load align=1 (local.get $at)))`,
  ]
  if (!isMasked) return load
  const begin = `(i32.sub (local.get $back) (i32.load offset=${entry + BYTES_OFFSET} (local.get $from)))`
  return [
    ...load,
    `(local.set $at ${begin})`,
    `(local.set $at (select (local.get $at) (i32.const -4) (i32.gt_s (local.get $at) (i32.const -4))))`,
    `(local.set $at (select (local.get $at) (i32.const 16) (i32.lt_s (local.get $at) (i32.const 16))))`,
    `(local.set $at (i32.sub (i32.const ${INSIDE_AT + VECTOR}) (local.get $at)))`,
    `(local.set ${target} (v128.xor (v128.and (local.get ${target}) (v128.load align=1 (local.get $at)))`,
    `  (v128.load offset=${FIRST_AT - INSIDE_AT} align=1 (local.get $at))))`,
  ]
}

/** Eight rows become eight vectors of two columns each. */
function transposeHalf(): string[] {
  const swap = (low: number, high: number, bytes: number): string[] => [
    `(local.set $t (i8x16.shuffle ${UNPACK_HIGH(bytes)} (local.get $r${low}) (local.get $r${high})))`,
    `(local.set $r${low} (i8x16.shuffle ${UNPACK_LOW(bytes)} (local.get $r${low}) (local.get $r${high})))`,
    `(local.set $r${high} (local.get $t))`,
  ]
  return [
    ...[0, 2, 4, 6].flatMap((at) => swap(at, at + 1, 1)),
    ...[0, 1, 4, 5].flatMap((at) => swap(at, at + 2, 2)),
    ...[0, 1, 2, 3].flatMap((at) => swap(at, at + 4, 4)),
  ]
}

/** After `transposeHalf`: register that holds columns 2k and 2k + 1. */
const COLUMN_PAIRS = [0, 4, 2, 6, 1, 5, 3, 7] as const

function block(isMasked: boolean): string[] {
  const upper = indices(HALF).flatMap((lane) => row(lane, isMasked))
  const lower = indices(HALF).flatMap((lane) => row(HALF + lane, isMasked))
  return [
    ...upper,
    ...transposeHalf(),
    ...COLUMN_PAIRS.map(
      (from, pair) => `(v128.store offset=${ROWS_AT + pair * VECTOR} (i32.const 0) (local.get $r${from}))`,
    ),
    ...lower,
    ...transposeHalf(),
    ...COLUMN_PAIRS.flatMap((from, pair) => {
      const other = `(local.tee $t (v128.load offset=${ROWS_AT + pair * VECTOR} (i32.const 0)))`
      const at = COLUMNS_AT + 2 * pair * VECTOR
      return [
        `(v128.store offset=${at} (i32.const 0) (i8x16.shuffle ${UNPACK_LOW(8)} ${other} (local.get $r${from})))`,
        `(v128.store offset=${at + VECTOR} (i32.const 0)`,
        `  (i8x16.shuffle ${UNPACK_HIGH(8)} (local.get $t) (local.get $r${from})))`,
      ]
    }),
  ]
}

/** One byte of each frame: the bytes of the register move down by one, so the locals take turns. */
function step(turn: number): string[] {
  const register = (byte: number): string => `$c${(byte + turn) % 4}`
  const added = (byte: number): string =>
    `(v128.xor (i8x16.relaxed_swizzle (local.get $low${byte}) (local.get $low))` +
    ` (i8x16.relaxed_swizzle (local.get $high${byte}) (local.get $high)))`
  const xorInto = (byte: number): string =>
    `(local.set ${register(byte + 1)} (v128.xor (local.get ${register(byte + 1)}) ${added(byte)}))`
  return [
    `(local.set $t (v128.xor (local.get ${register(0)}) (v128.load offset=${turn * VECTOR} (local.get $at))))`,
    '(local.set $low (v128.and (local.get $t) (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f)))',
    '(local.set $high (i8x16.shr_u (local.get $t) (i32.const 4)))',
    xorInto(0),
    xorInto(1),
    xorInto(2),
    `(local.set ${register(0)} ${added(3)})`,
  ]
}

/**
 * The function $lanes: the sixteen frames from the entry $from on, whose longest takes $blocks vectors; in the first
 * $masked of them some frame begins, or has not begun. Returns a bit for each frame whose CRC is right.
 */
export function lanesFunction(): string {
  const names = [
    ...indices(HALF).map((index) => `$r${index}`),
    ...indices(4).flatMap((byte) => [`$c${byte}`, `$low${byte}`, `$high${byte}`]),
    ...['$t', '$low', '$high'],
  ]
  const difference = (byte: number): string =>
    `(v128.xor (local.get $c${byte}) (v128.load offset=${COLUMNS_AT + (VECTOR - 1 - byte) * VECTOR} (i32.const 0)))`
  return [
    '(func $lanes (param $from i32) (param $blocks i32) (param $masked i32) (result i32)',
    `  (local $at i32) (local $back i32) (local $stop i32) ${names.map((name) => `(local ${name} v128)`).join(' ')}`,
    ...indices(4).map((byte) => `(local.set $low${byte} ${nibbleTable(byte, 0)})`),
    ...indices(4).map((byte) => `(local.set $high${byte} ${nibbleTable(byte, 4)})`),
    `(local.set $back (i32.shl (local.get $blocks) (i32.const 4)))`,
    '(loop $block',
    '(if (i32.gt_s (local.get $masked) (i32.const 0)) (then',
    ...block(true),
    ') (else',
    ...block(false),
    '))',
    '(local.set $masked (i32.sub (local.get $masked) (i32.const 1)))',
    `(local.set $at (i32.const ${COLUMNS_AT}))`,
    ';; of the last block the CRCs are left',
    `(local.set $stop (i32.sub (i32.const ${COLUMNS_AT + VECTOR * VECTOR})`,
    `  (i32.shl (i32.eq (local.get $back) (i32.const ${VECTOR})) (i32.const 6))))`,
    '(loop $steps',
    ...indices(4).flatMap((turn) => step(turn)),
    `(local.set $at (i32.add (local.get $at) (i32.const ${4 * VECTOR})))`,
    '(br_if $steps (i32.lt_u (local.get $at) (local.get $stop))))',
    `(local.set $back (i32.sub (local.get $back) (i32.const ${VECTOR})))`,
    '(br_if $block (local.get $back)))',
    `(i8x16.bitmask (i8x16.eq (v128.const i32x4 -1 -1 -1 -1)`,
    `  (v128.and (v128.and ${difference(0)} ${difference(1)}) (v128.and ${difference(2)} ${difference(3)})))))`,
  ].join('\n')
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
