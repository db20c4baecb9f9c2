/**
 * Owns ways to spoil bytes by chance: what a fuzzer does to a valid input.
 * Must not know: what the bytes mean.
 * Invariant: the input is not touched; the same sequence of random numbers spoils the same way.
 */
import { flipBit } from './faults.ts'
import type { Random } from './random.ts'
import { joinBytes } from './splits.ts'

/** Numbers at which limits and signs turn over. */
const INTERESTING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xc0, 0xc1, 0xff] as const
const INSERT_BYTES_MAX = 40

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array

const MUTATIONS: readonly Mutation[] = [
  // One bit.
  (bytes, random) => changed(bytes, (copy) => flipBit(copy, random.integer(0, copy.length - 1), random)),
  // One byte.
  (bytes, random) =>
    changed(bytes, (copy) => {
      copy[random.integer(0, copy.length - 1)] = random.pick(INTERESTING_BYTES)
    }),
  // A few bytes in a row, with which a length or an id becomes another.
  (bytes, random) =>
    changed(bytes, (copy) => {
      const at = random.integer(0, copy.length - 1)
      copy.set(random.bytes(Math.min(random.integer(1, 4), copy.length - at)), at)
    }),
  // Cut short, from either end.
  (bytes, random) => bytes.slice(0, random.integer(0, bytes.length - 1)),
  (bytes, random) => bytes.slice(random.integer(0, bytes.length - 1)),
  // A part that is missing, repeated, or has come from nowhere.
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return joinBytes([bytes.subarray(0, from), bytes.subarray(to)])
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return joinBytes([bytes.subarray(0, to), bytes.subarray(from)])
  },
  (bytes, random) => {
    const at = random.integer(0, bytes.length)
    return joinBytes([bytes.subarray(0, at), random.bytes(random.integer(1, INSERT_BYTES_MAX)), bytes.subarray(at)])
  },
]

/** The bytes, spoiled in one of many ways, in memory of their own. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return random.bytes(random.integer(0, INSERT_BYTES_MAX))
  return random.pick(MUTATIONS)(bytes, random)
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = new Uint8Array(bytes)
  change(copy)
  return copy
}

function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.integer(0, bytes.length - 1)
  return [from, random.integer(from + 1, bytes.length)]
}
