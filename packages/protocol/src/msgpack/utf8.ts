/**
 * Owns the question whether a run of bytes is valid UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above
 * U+10FFFF).
 * Must not know: msgpack.
 * Invariant: the answer depends on the bytes only, never on which of the two methods ran.
 */
import { isUtf8 } from 'node:buffer'

/** From here on the native check wins, although its view of the bytes costs 50 ns and the collector some work. */
export const UTF8_NATIVE_BYTES_MIN = 128

/** Whether memory[start, end) is valid UTF-8; no bytes are. */
export function isValidUtf8(memory: Uint8Array, start: number, end: number): boolean {
  if (end - start >= UTF8_NATIVE_BYTES_MIN) return isUtf8(memory.subarray(start, end))
  return isValidUtf8ByLoop(memory, start, end)
}

/** The loop alone, whatever the length; allocates nothing. */
export function isValidUtf8ByLoop(memory: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    const first = memory[at] as number
    if (first < 0x80) {
      at++
      continue
    }
    const bytes = sequenceBytes(first)
    if (bytes === 0 || at + bytes > end || !isTail(memory, at, bytes)) return false
    at += bytes
  }
  return true
}

/** How long the sequence is that `first` begins; 0 when it can begin none. */
function sequenceBytes(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2
  if (first >= 0xe0 && first <= 0xef) return 3
  if (first >= 0xf0 && first <= 0xf4) return 4
  return 0
}

function isTail(memory: Uint8Array, at: number, bytes: number): boolean {
  if (!isSecond(memory[at] as number, memory[at + 1] as number)) return false
  for (let next = at + 2; next < at + bytes; next++) {
    if (((memory[next] as number) & 0xc0) !== 0x80) return false
  }
  return true
}

/** The second byte carries the rules: overlong forms, surrogates and the end of Unicode differ from the rest there. */
function isSecond(first: number, second: number): boolean {
  if (first === 0xe0) return second >= 0xa0 && second <= 0xbf
  if (first === 0xed) return second >= 0x80 && second <= 0x9f
  if (first === 0xf0) return second >= 0x90 && second <= 0xbf
  if (first === 0xf4) return second >= 0x80 && second <= 0x8f
  return (second & 0xc0) === 0x80
}
