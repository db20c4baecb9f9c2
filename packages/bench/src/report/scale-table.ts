/**
 * Owns a sweep's report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../options/target.ts'
import { grouped, wrapped } from './numbers.ts'
import type { ScaleFit, ScaleReport } from './schema/scale.ts'

const LABEL_COLUMNS = 12

export function scaleTable(report: ScaleReport): string {
  const { over, sizes, options, fits, best, bestWhy, verdict, predictions } = report
  const head = [over, 'least/s', 'median/s', 'most/s', 'cores', ...fits.map(({ model }) => model)]
  const lines = [
    `${targetUrl(options.target)}  throughput by number of ${over}`,
    '',
    head.map((title) => title.padStart(LABEL_COLUMNS)).join(''),
    ...sizes.map((size) => sizeLine(report, size)),
    '',
    '  on the right: how far the median is from what each law says',
    ...fits.map((fit) => fitLine(fit, fit.model === best)),
    ...(best === null
      ? [`${'best'.padEnd(LABEL_COLUMNS)}${wrapped(`none: ${bestWhy}`, ' '.repeat(LABEL_COLUMNS))}`]
      : []),
    peakLine(report),
    ...predictions.map(({ size, perSecond, why }) => {
      const said =
        perSecond === null ? why : `${grouped(Math.round(perSecond))} messages/s${why === '' ? '' : `, ${why}`}`
      return `${'predicted'.padEnd(LABEL_COLUMNS)}${grouped(size)} ${over}: ${said}`
    }),
    `${'verdict'.padEnd(LABEL_COLUMNS)}${verdict.state}`,
    ...verdict.reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
  ]
  return `\n${lines.join('\n')}\n`
}

function sizeLine({ runs, fits }: ScaleReport, size: number): string {
  const some = runs.filter((run) => run.size === size)
  const rates = some.map(({ messagesPerSecond }) => messagesPerSecond).toSorted((one, other) => one - other)
  const median = rates[Math.floor(rates.length / 2)] ?? 0
  const cores = some.flatMap(({ serverCores }) => serverCores ?? [])
  const mean = cores.length === 0 ? '-' : (cores.reduce((sum, one) => sum + one, 0) / cores.length).toFixed(2)
  const off = fits.map(({ residuals }) => {
    const fitted = residuals.find((residual) => residual.size === size)?.fitted ?? 0
    return fitted === 0 ? '-' : `${((median / fitted - 1) * 100).toFixed(1)} %`
  })
  const numbers = [size, rates[0] ?? 0, median, rates.at(-1) ?? 0].map(grouped)
  return [...numbers, mean, ...off].map((text) => text.padStart(LABEL_COLUMNS)).join('')
}

function fitLine({ model, parameters, explained }: ScaleFit, isBest: boolean): string {
  const words = [
    `${grouped(Math.round(parameters.each))} messages/s each`,
    ...(model === 'linear' ? [] : [`serial ${(parameters.serial * 100).toFixed(2)} %`]),
    ...(model === 'usl' ? [`crosstalk ${(parameters.crosstalk * 100).toFixed(3)} %`] : []),
    `R2 ${explained.toFixed(4)}`,
    ...(isBest ? ['<- best'] : []),
  ]
  return `${model.padEnd(LABEL_COLUMNS)}${words.join(', ')}`
}

function peakLine(report: ScaleReport): string {
  return `${'peak'.padEnd(LABEL_COLUMNS)}${peakSaid(report)}`
}

function peakSaid({ peak, over, best }: ScaleReport): string {
  if (best === null) return 'not told: no law is the best'
  return peak === null ? `none within twice of what was measured, by ${best}` : peakInWords(peak, over)
}

export function peakInWords(
  { size, perSecond, lowSize, highSize }: NonNullable<ScaleReport['peak']>,
  over: string,
): string {
  const bound = (value: number | null): string => (value === null ? 'unknown' : value.toFixed(1))
  const range = `between ${bound(lowSize)} and ${bound(highSize)} when any one size is left out`
  return `${size.toFixed(1)} ${over}, ${grouped(Math.round(perSecond))} messages/s (${range})`
}
