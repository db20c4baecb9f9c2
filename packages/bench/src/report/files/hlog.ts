/**
 * Owns the latencies of a run over time as `.hlog`: the interval log that the tools of HdrHistogram read.
 * Must not know: how a run is made.
 * Invariant: one line for each interval, tagged by its phase, and one for each histogram of the whole run. Values are
 * microseconds; maxima are shown in milliseconds, as the format has it.
 */
import { decodeFromCompressedBase64, HistogramLogWriter } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'

import type { RunReport } from '../schema/run.ts'

const US_PER_MS = 1000
const MS_PER_S = 1000

export function hlogOf({ startedAt, series, latency, hiccups, measuredUs }: RunReport): string {
  const lines: string[] = []
  const writer = new HistogramLogWriter((text) => lines.push(text))
  const startMs = Date.parse(startedAt)
  writer.outputComment('[Response times of shardwire-bench, in microseconds, by phase]')
  writer.outputLogFormatVersion()
  writer.outputComment(`[StartTime: ${(startMs / MS_PER_S).toFixed(3)} (seconds since epoch), ${startedAt}]`)
  writer.outputLegend()
  let fromS = 0
  for (const { phase, lengthMs, histogram } of series) {
    const toS = fromS + lengthMs / MS_PER_S
    const response = tagged(histogram, phase)
    if (response !== undefined) writer.outputIntervalHistogram(response, fromS, toS, US_PER_MS)
    fromS = toS
  }
  const whole = {
    response: latency.response,
    service: latency.service,
    sendLag: latency.sendLag,
    ownLag: latency.ownLag,
  }
  for (const [name, report] of Object.entries({ ...whole, hiccup: hiccups })) {
    const histogram = tagged(report?.histogram ?? '', `whole-${name}`)
    if (histogram !== undefined) writer.outputIntervalHistogram(histogram, 0, measuredUs / 1e6, US_PER_MS)
  }
  return lines.join('')
}

function tagged(encoded: string, tag: string): Histogram | undefined {
  if (encoded === '') return undefined
  const histogram = decodeFromCompressedBase64(encoded, 64, false)
  histogram.tag = tag
  return histogram
}
