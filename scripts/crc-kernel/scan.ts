/**
 * Owns the part of the CRC kernel that looks for frames, as WebAssembly text: all that stand in a row are found, and
 * their checksums compared, in one call.
 * Must not know: how a checksum is computed, what becomes of a frame.
 * Invariant: what is found is whole and right, and plain: a MESSAGE or a REQUEST without metadata. At the first that is
 * anything else the scan ends, so that whoever decodes frames one by one says what is wrong with it.
 */
import {
  CRC_BYTES,
  FRAME_OVERHEAD_BYTES,
  HEADER_BYTES,
  ID_BYTES,
  KIND_REQUEST,
  KIND_SHIFT,
  PREFIX_BYTES,
} from '../../packages/protocol/src/frame.ts'
import { FOUND_WORDS, KERNEL_LAYOUT } from '../../packages/protocol/src/crc/kernel-layout.ts'
import { BYTES_OFFSET, END_OFFSET, LANES } from './lanes.ts'

const ENTRY_BYTES = 4 * FOUND_WORDS
const FIRST_REQUEST = KIND_REQUEST << KIND_SHIFT
const FIRST_OTHER = (KIND_REQUEST + 1) << KIND_SHIFT
/** Where the id stands in an entry. */
const ID_OFFSET = 8
/** Sixteen lanes cost what so many frames of the longest's length cost one by one. */
const LANES_WORTH = 8
/** Frames above this length are folded, one by one. */
const LANES_BYTES_MAX = 192

/** The big-endian number in the four bytes at `address`, into $word. */
function bigEndian(address: string, offset: number): string[] {
  return [
    `(local.set $word (i32.load offset=${offset} align=1 ${address}))`,
    '(local.set $word (i32.or (i32.and (i32.rotl (local.get $word) (i32.const 8)) (i32.const 0x00ff00ff))',
    '  (i32.and (i32.rotr (local.get $word) (i32.const 8)) (i32.const 0xff00ff00))))',
  ]
}

function endIf(condition: string): string {
  return `(br_if $done ${condition})`
}

/** Finds what looks like plain frames, into entries from foundAt on; $found is behind the last. */
function find(): string[] {
  const { foundAt, foundBytes } = KERNEL_LAYOUT
  const header = `(i32.or (i32.shl (i32.load8_u (local.get $at)) (i32.const 8)) (i32.load8_u offset=1 (local.get $at)))`
  const left = '(i32.sub (local.get $end) (local.get $at))'
  return [
    `(local.set $found (i32.const ${foundAt}))`,
    '(block $done (loop $frame',
    endIf(`(i32.eq (local.get $found) (i32.const ${foundAt + foundBytes}))`),
    endIf(`(i32.lt_u ${left} (i32.const ${FRAME_OVERHEAD_BYTES}))`),
    `(local.set $header ${header})`,
    endIf(`(i32.ge_u (local.get $header) (i32.const ${FIRST_OTHER}))`),
    ...bigEndian('(local.get $at)', HEADER_BYTES),
    endIf('(i32.gt_u (local.get $word) (local.get $lengthMax))'),
    endIf(`(i32.gt_u (local.get $word) (i32.sub ${left} (i32.const ${FRAME_OVERHEAD_BYTES})))`),
    `(local.set $bytes (i32.add (local.get $word) (i32.const ${FRAME_OVERHEAD_BYTES})))`,
    '(local.set $word (i32.const 0))',
    `(if (i32.ge_u (local.get $header) (i32.const ${FIRST_REQUEST})) (then`,
    endIf(`(i32.lt_u (local.get $bytes) (i32.const ${FRAME_OVERHEAD_BYTES + ID_BYTES}))`),
    ...bigEndian('(local.get $at)', PREFIX_BYTES),
    endIf('(i32.eqz (local.get $word))'),
    '))',
    '(local.set $at (i32.add (local.get $at) (local.get $bytes)))',
    '(i32.store (local.get $found) (local.get $header))',
    `(i32.store offset=${BYTES_OFFSET} (local.get $found) (local.get $bytes))`,
    `(i32.store offset=${ID_OFFSET} (local.get $found) (local.get $word))`,
    `(i32.store offset=${END_OFFSET} (local.get $found) (local.get $at))`,
    `(local.set $found (i32.add (local.get $found) (i32.const ${ENTRY_BYTES})))`,
    '(br $frame)))',
  ]
}

function field(offset: number): string {
  return `(i32.load offset=${offset} (local.get $place))`
}

/** Checks frame by frame from the entry $place on, to $stop; ends at the first that is wrong. */
function checkEach(): string[] {
  const start = `(i32.sub (local.get $at) ${field(BYTES_OFFSET)})`
  return [
    '(loop $each (if (i32.lt_u (local.get $place) (local.get $stop)) (then',
    `(local.set $at ${field(END_OFFSET)})`,
    `(local.set $end (i32.sub (local.get $at) (i32.const ${CRC_BYTES})))`,
    ...bigEndian('(local.get $end)', 0),
    `(br_if $wrong (i32.ne (local.get $word) (call $crc32 ${start} (local.get $end) (i32.const 0))))`,
    `(local.set $place (i32.add (local.get $place) (i32.const ${ENTRY_BYTES})))`,
    '(br $each))))',
  ]
}

/** The shortest and the longest of the entries from $place to $stop. */
function extremes(): string[] {
  return [
    '(local.set $least (i32.const -1))',
    '(local.set $most (i32.const 0))',
    '(local.set $at (local.get $place))',
    '(loop $entry',
    `(local.set $bytes (i32.load offset=${BYTES_OFFSET} (local.get $at)))`,
    '(local.set $least (select (local.get $bytes) (local.get $least)',
    '  (i32.lt_u (local.get $bytes) (local.get $least))))',
    '(local.set $most (select (local.get $bytes) (local.get $most) (i32.gt_u (local.get $bytes) (local.get $most))))',
    `(local.set $at (i32.add (local.get $at) (i32.const ${ENTRY_BYTES})))`,
    '(br_if $entry (i32.lt_u (local.get $at) (local.get $stop))))',
  ]
}

/** Lanes without a frame of their own get the last one: entries behind $stop that are found anew, or are nobody's. */
function fillLanes(): string[] {
  return [
    '(local.set $at (local.get $stop))',
    '(loop $fill (if (i32.lt_u (local.get $at) (i32.add (local.get $place)',
    `  (i32.const ${LANES * ENTRY_BYTES}))) (then`,
    `(v128.store (local.get $at) (v128.load (i32.sub (local.get $at) (i32.const ${ENTRY_BYTES}))))`,
    `(local.set $at (i32.add (local.get $at) (i32.const ${ENTRY_BYTES})))`,
    '(br $fill))))',
  ]
}

/** Checks the entries from $place to $stop, LANES at most, at once. */
function checkLanes(): string[] {
  const blocks = '(i32.shr_u (i32.add (local.get $most) (i32.const 15)) (i32.const 4))'
  const whole = `(i32.shr_u (i32.sub (local.get $least) (i32.const ${CRC_BYTES})) (i32.const 4))`
  const right = `(call $lanes (local.get $place) ${blocks} (i32.sub ${blocks} ${whole}))`
  return [
    ...fillLanes(),
    `(local.set $word (i32.ctz (i32.xor ${right} (i32.const -1))))`,
    `(local.set $at (i32.add (local.get $place) (i32.mul (local.get $word) (i32.const ${ENTRY_BYTES}))))`,
    '(if (i32.lt_u (local.get $at) (local.get $stop)) (then (local.set $place (local.get $at)) (br $wrong)))',
    '(local.set $place (local.get $stop))',
  ]
}

/** Whether the entries from $place to $stop are checked side by side: they fill the lanes well. */
function fillLanesWell(): string {
  const before = `(i32.sub ${field(END_OFFSET)} ${field(BYTES_OFFSET)})`
  const behind = `(i32.load (i32.sub (local.get $stop) (i32.const ${ENTRY_BYTES - END_OFFSET})))`
  return [
    '(i32.and',
    `(i32.le_u (local.get $most) (i32.const ${LANES_BYTES_MAX}))`,
    `(i32.ge_u (i32.sub ${behind} ${before}) (i32.mul (local.get $most) (i32.const ${LANES_WORTH}))))`,
  ].join(' ')
}

/**
 * The function `scan`. Found are header, length and id (0 for a MESSAGE) of each, at foundAt, and how many they are.
 * Those that follow one another are checked side by side where that is cheaper.
 */
export function scanFunction(): string {
  const { foundAt } = KERNEL_LAYOUT
  const locals = ['header', 'bytes', 'word', 'found', 'place', 'stop', 'least', 'most']
  const enough = `(i32.add (local.get $place) (i32.const ${LANES_WORTH * ENTRY_BYTES}))`
  return [
    '(func (export "scan") (param $at i32) (param $end i32) (param $lengthMax i32) (result i32)',
    `  ${locals.map((name) => `(local $${name} i32)`).join(' ')}`,
    ...find(),
    `(local.set $place (i32.const ${foundAt}))`,
    '(block $wrong (loop $group (if (i32.lt_u (local.get $place) (local.get $found)) (then',
    `(local.set $stop (i32.add (local.get $place) (i32.const ${LANES * ENTRY_BYTES})))`,
    '(local.set $stop (select (local.get $stop) (local.get $found)',
    '  (i32.lt_u (local.get $stop) (local.get $found))))',
    `(if (i32.ge_u (local.get $stop) ${enough}) (then`,
    ...extremes(),
    `(if ${fillLanesWell()} (then`,
    ...checkLanes(),
    '))))',
    ...checkEach(),
    '(br $group)))))',
    `(i32.div_u (i32.sub (local.get $place) (i32.const ${foundAt})) (i32.const ${ENTRY_BYTES})))`,
  ].join('\n')
}
