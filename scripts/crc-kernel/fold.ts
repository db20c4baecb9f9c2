/**
 * Owns the folding part of the CRC kernel, as WebAssembly text: long runs by 128-bit vectors, without tables and
 * without carry-less multiplication, which WebAssembly does not have.
 * Must not know: tables, how the text becomes bytes.
 * Invariant: what `foldText` leaves in REST, read behind what it leaves unread, has the CRC register of the whole run.
 *
 * A run of bytes is a polynomial, and its CRC the remainder by P(x). In that arithmetic a byte may be taken away if
 * what is taken away is added again, times some multiple of P, further on. TAPS are distances o in bytes for which
 * x^(-8 o1) + x^(-8 o2) + ... = 1 modulo P: a byte moved to all six places at once leaves the remainder as it was. So
 * each vector of sixteen bytes, once what was moved onto it is added, may be dropped:
 *
 *     v[n] = bytes[n] ^ v[n - o1] ^ v[n - o2] ^ ... ^ v[n - o6]
 *
 * and only the last nine, and the bytes onto which they were moved, have to go through the table. Six is the fewest
 * that exist below 200 bytes, this the only choice below 160, and no tap is below 48, so that three vectors are
 * computed side by side. The idea of multiples of P with few terms is that of Chorba (Russell, arXiv 2412.16398);
 * distances in whole bytes turn its shifts into one shuffle each.
 */
export const TAPS = [53, 57, 67, 108, 129, 137] as const

/** Bytes of a vector. */
const VECTOR = 16
/** Vectors that reach further on: the largest tap, in vectors. */
export const REACH = Math.ceil(Math.max(...TAPS) / VECTOR)
/** Bytes that are left for the table, at least. */
export const REST_BYTES = REACH * VECTOR
/** Below this there is nothing to fold. */
export const FOLD_BYTES_MIN = REST_BYTES + VECTOR

const ZERO = '(v128.const i64x2 0 0)'

/** The register of the vector that is `back` vectors before, or undefined where there is none. */
type History = (back: number) => string | undefined

/** What was moved onto a vector from those before it; undefined where nothing was. */
function movedOnto(history: History): string | undefined {
  return TAPS.map((tap) => shifted(history, tap))
    .filter((term) => term !== undefined)
    .reduce<string | undefined>((sum, term) => (sum === undefined ? term : `(v128.xor ${sum} ${term})`), undefined)
}

/** The sixteen bytes that begin `tap` bytes before a vector: they lie across two. */
function shifted(history: History, tap: number): string | undefined {
  const older = history(Math.ceil(tap / VECTOR))
  const newer = history(Math.ceil(tap / VECTOR) - 1)
  if (older === undefined && newer === undefined) return undefined
  const first = (VECTOR - (tap % VECTOR)) % VECTOR
  const lanes = Array.from({ length: VECTOR }, (_, lane) => first + lane).join(' ')
  return `(i8x16.shuffle ${lanes} ${older ?? ZERO} ${newer ?? ZERO})`
}

function register(index: number): string {
  return `(local.get $v${((index % REACH) + REACH) % REACH})`
}

function load(vector: number): string {
  return `(v128.load offset=${vector * VECTOR} (local.get $at))`
}

/** REACH vectors, each in the register that the vector REACH before it had. */
function round(): string[] {
  return indices(REACH).map((step) => {
    const moved = movedOnto((back) => register(step - back))
    return `(local.set $v${step} (v128.xor ${load(step)} ${moved}))`
  })
}

/** One vector; the registers move up by one. */
function single(): string[] {
  const moved = movedOnto((back) => register(REACH - back))
  const moves = indices(REACH - 1).map((index) => `(local.set $v${index} (local.get $v${index + 1}))`)
  return [`(local.set $new (v128.xor ${load(0)} ${moved}))`, ...moves, `(local.set $v${REACH - 1} (local.get $new))`]
}

/** The bytes behind the last vector, with what was moved onto them. */
function rest(restAt: number): string[] {
  return indices(REACH).map((vector) => {
    const moved = movedOnto((back) => (back > vector ? register(REACH + vector - back) : undefined))
    const bytes = moved === undefined ? load(vector) : `(v128.xor ${load(vector)} ${moved})`
    return `(v128.store offset=${restAt + vector * VECTOR} (i32.const 0) ${bytes})`
  })
}

/**
 * Statements for a function with the locals $at, $end and $crc (i32): they fold [$at, $end), which has FOLD_BYTES_MIN
 * bytes or more, into REST_BYTES bytes at `restAt`; $at is then behind the bytes of which those are made.
 */
export function foldText(restAt: number): string[] {
  const folded = `(i32.sub (i32.sub (local.get $end) (local.get $at)) (i32.const ${REST_BYTES}))`
  return [
    `(local.set $vectors (i32.shr_u ${folded} (i32.const 4)))`,
    ';; the register joins the first four bytes',
    `(local.set $v${REACH - 1} (v128.xor ${load(0)} (i32x4.replace_lane 0 ${ZERO} (local.get $crc))))`,
    ...advance(1),
    `(block $rounds (loop $round`,
    `  (br_if $rounds (i32.lt_u (local.get $vectors) (i32.const ${REACH})))`,
    ...round(),
    ...advance(REACH),
    '  (br $round)))',
    '(block $singles (loop $single',
    '  (br_if $singles (i32.eqz (local.get $vectors)))',
    ...single(),
    ...advance(1),
    '  (br $single)))',
    ...rest(restAt),
    `(local.set $at (i32.add (local.get $at) (i32.const ${REST_BYTES})))`,
  ]
}

/** The locals that `foldText` needs beyond its function's own. */
export function foldLocals(): string {
  return `(local $vectors i32) (local $new v128) ${indices(REACH)
    .map((index) => `(local $v${index} v128)`)
    .join(' ')}`
}

function advance(vectors: number): string[] {
  return [
    `(local.set $at (i32.add (local.get $at) (i32.const ${vectors * VECTOR})))`,
    `(local.set $vectors (i32.sub (local.get $vectors) (i32.const ${vectors})))`,
  ]
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
