/**
 * Owns the ways in which a stream of bytes can be cut into reads.
 * Must not know: what the bytes mean.
 * Invariant: the parts joined are the bytes given; every part has memory of its own, so that reading past its end or
 * keeping a view of it too long shows.
 */
import type { Random } from './random.ts'

/** The whole, then every cut in two, then byte by byte. */
export function* everySplit(bytes: Uint8Array): Iterable<Uint8Array[]> {
  yield [copy(bytes, 0, bytes.length)]
  for (let at = 1; at < bytes.length; at++) yield [copy(bytes, 0, at), copy(bytes, at, bytes.length)]
  if (bytes.length > 2) yield Array.from(bytes, (byte) => Uint8Array.of(byte))
}

/** Cuts of 1 to `bytesMax` bytes. */
export function randomChunks(bytes: Uint8Array, random: Random, bytesMax: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + random.integer(1, bytesMax))
    chunks.push(copy(bytes, at, end))
    at = end
  }
  return chunks
}

/** All parts as one, in memory of its own. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Not `slice`, which is a view where the bytes are a Buffer. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}
