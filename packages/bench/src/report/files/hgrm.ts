/**
 * Owns a distribution of latencies as `.hgrm`: the text that the plotters of HdrHistogram read.
 * Must not know: runs.
 * Invariant: values are milliseconds, as those plotters say on their axis; percentiles are those of the histogram.
 */
import { decodeFromCompressedBase64 } from 'hdr-histogram-js'

const US_PER_MS = 1000
const TICKS_PER_HALF = 5

/** @param encoded HDR V2, compressed, base64; empty for no samples */
export function hgrmOf(encoded: string): string {
  if (encoded === '') return '#[No samples]\n'
  return decodeFromCompressedBase64(encoded, 64, false).outputPercentileDistribution(TICKS_PER_HALF, US_PER_MS)
}
