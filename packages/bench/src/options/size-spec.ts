/**
 * Owns how the sizes of payloads are written.
 * Must not know: frames.
 * Invariant: every size that comes out has a weight above 0; those of a range ascend without repetition.
 */
import { wholeOf } from './flag.ts'

export const PAYLOAD_BYTES_MAX = 16_777_216
/** A range is told by this many sizes at most: each one is a message prepared beforehand. */
const RANGE_SIZES_MAX = 32
const WEIGHT_MAX = 1000
const SIZES_MAX = 64

export interface WeightedSize {
  readonly bytes: number
  readonly weight: number
}

export const SIZES_EXPECTED = `bytes from 0 to ${PAYLOAD_BYTES_MAX}: N, MIN-MAX, or a list such as 64:8,1024:2`

/** Undefined for text that names no sizes. */
export function parseSizes(text: string): readonly WeightedSize[] | undefined {
  const range = text.split('-')
  if (range.length === 2) return uniform(bytesOf(range[0] ?? ''), bytesOf(range[1] ?? ''))
  const entries = text.split(',').map(parseEntry)
  const known = entries.filter((entry) => entry !== undefined)
  return known.length < entries.length || known.length > SIZES_MAX ? undefined : known
}

function parseEntry(text: string): WeightedSize | undefined {
  const [size = '', weight = '1', ...rest] = text.split(':')
  const bytes = bytesOf(size)
  const times = wholeOf(weight, 1, WEIGHT_MAX)
  return rest.length > 0 || bytes === undefined || times === undefined ? undefined : { bytes, weight: times }
}

function uniform(min: number | undefined, max: number | undefined): WeightedSize[] | undefined {
  if (min === undefined || max === undefined || min >= max) return undefined
  const steps = Math.min(RANGE_SIZES_MAX, max - min + 1) - 1
  return Array.from({ length: steps + 1 }, (_, step) => ({
    bytes: min + Math.round(((max - min) * step) / steps),
    weight: 1,
  }))
}

function bytesOf(text: string): number | undefined {
  return wholeOf(text, 0, PAYLOAD_BYTES_MAX)
}
