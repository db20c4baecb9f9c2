/**
 * Owns finding a delimiter in memory[start, end).
 * Must not know: what it delimits.
 * Invariant: no byte outside of [start, end) is looked at.
 */

/** So many bytes are looked at one by one; from there on the native search wins, although its view costs 50 ns. */
const LOOP_BYTES = 128

/** Offset of the first `delimiter` that stands whole in memory[start, end); -1 for none. */
export function findDelimiter(memory: Uint8Array, start: number, end: number, delimiter: Uint8Array): number {
  const last = end - delimiter.length
  const loopEnd = Math.min(last, start + LOOP_BYTES)
  const first = delimiter[0] as number
  for (let at = start; at <= loopEnd; at++) {
    if (memory[at] === first && standsAt(memory, at, delimiter)) return at
  }
  return loopEnd < last ? findNative(memory, loopEnd + 1, end, delimiter) : -1
}

function standsAt(memory: Uint8Array, at: number, delimiter: Uint8Array): boolean {
  for (let index = 1; index < delimiter.length; index++) {
    if (memory[at + index] !== delimiter[index]) return false
  }
  return true
}

function findNative(memory: Uint8Array, start: number, end: number, delimiter: Uint8Array): number {
  const bytes = Buffer.from(memory.buffer, memory.byteOffset + start, end - start)
  const found = bytes.indexOf(delimiter.length === 1 ? (delimiter[0] as number) : delimiter)
  return found < 0 ? -1 : start + found
}
