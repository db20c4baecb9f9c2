/**
 * Owns looking into an encoded histogram, bucket by bucket.
 * Must not know: what the values are.
 * Invariant: the counts that come out add up to the samples of the histogram.
 */
import { decodeFromCompressedBase64, JsHistogram } from 'hdr-histogram-js'

/** A range of values that the histogram does not tell apart, and how many samples lie in it. */
export interface Bucket {
  /** The lowest of the values. */
  readonly valueUs: number
  readonly count: number
}

/** The buckets with samples, in ascending order; none of the empty string. */
export function bucketsOf(encoded: string): Bucket[] {
  if (encoded === '') return []
  const histogram = decodeFromCompressedBase64(encoded, 64, false)
  if (!(histogram instanceof JsHistogram))
    throw new TypeError('a histogram decoded without WebAssembly is one of theirs')
  const buckets: Bucket[] = []
  for (let index = 0; index < histogram.countsArrayLength; index++) {
    const count = histogram.getCountAtIndex(index)
    if (count > 0) buckets.push({ valueUs: histogram.valueFromIndex(index), count })
  }
  return buckets
}
