/**
 * Owns the table part of the CRC kernel, as WebAssembly text: short runs, sixteen bytes a round (slicing-by-16).
 * Must not know: how long runs are folded, how the text becomes bytes.
 * Invariant: table k, entry b, is the CRC of byte b followed by k zero bytes, as 32-bit words at 4 (256 k + b).
 */
const WORD = 4

/** Byte `index` of a word, times four: the offset of its entry. */
function entryOffset(word: string, index: number): string {
  const bits = 8 * index - 2
  const moved = bits < 0 ? `(i32.shl ${word} (i32.const 2))` : `(i32.shr_u ${word} (i32.const ${bits}))`
  return `(i32.and ${moved} (i32.const 0x3fc))`
}

/** What the four bytes of a word add when `behind` bytes of the round follow its last. */
function lookups(word: string, behind: number): string[] {
  return [3, 2, 1, 0].map((after, index) => {
    return `(i32.load offset=${1024 * (behind + after)} ${entryOffset(word, index)})`
  })
}

/** A balanced tree: a chain would make every round wait for fifteen additions. */
function sum(terms: readonly string[]): string {
  if (terms.length === 1) return terms[0] ?? ''
  const half = terms.length >> 1
  return `(i32.xor ${sum(terms.slice(0, half))} ${sum(terms.slice(half))})`
}

/** One round of `bytes` (4, 8 or 16): the first word, which waits for the round before, is added last. */
function round(bytes: number): string[] {
  const words = Array.from({ length: bytes / WORD }, (_, index) => index)
  const loads = words.map((index) => {
    const word = `(i32.load offset=${index * WORD} (local.get $at))`
    return `(local.set $w${index} ${index === 0 ? `(i32.xor (local.get $crc) ${word})` : word})`
  })
  const terms = words.map((index) => lookups(`(local.get $w${index})`, bytes - (index + 1) * WORD))
  const first = sum(terms[0] ?? [])
  const others = terms.slice(1).flat()
  return [
    ...loads,
    `(local.set $crc ${others.length === 0 ? first : `(i32.xor ${sum(others)} ${first})`})`,
    `(local.set $at (i32.add (local.get $at) (i32.const ${bytes})))`,
  ]
}

function atLeast(bytes: number): string {
  return `(i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const ${bytes}))`
}

/** The function $table: from one CRC register to the next, over [$at, $end). */
export function tableFunction(): string {
  const byte = '(i32.and (i32.xor (local.get $crc) (i32.load8_u (local.get $at))) (i32.const 255))'
  return [
    '(func $table (param $at i32) (param $end i32) (param $crc i32) (result i32)',
    '  (local $w0 i32) (local $w1 i32) (local $w2 i32) (local $w3 i32)',
    `(block $rounds (loop $round (br_if $rounds (i32.eqz ${atLeast(16)}))`,
    ...round(16),
    '(br $round)))',
    `(if ${atLeast(8)} (then`,
    ...round(8),
    '))',
    `(if ${atLeast(4)} (then`,
    ...round(4),
    '))',
    '(block $bytes (loop $byte (br_if $bytes (i32.ge_u (local.get $at) (local.get $end)))',
    `(local.set $crc (i32.xor (i32.shr_u (local.get $crc) (i32.const 8)) (i32.load (i32.shl ${byte} (i32.const 2)))))`,
    '(local.set $at (i32.add (local.get $at) (i32.const 1)))',
    '(br $byte)))',
    '(local.get $crc))',
  ].join('\n')
}
