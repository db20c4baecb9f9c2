/**
 * Owns Prometheus' text format, version 0.0.4: samples in, the text of a scrape out.
 * Must not know: where samples come from.
 * Invariant: samples of a metric stand together behind its HELP and TYPE, with exactly the labels that it has; a metric
 * without samples is not there at all.
 */
import { type MetricName, METRICS } from './definitions.ts'
import type { Histogram } from './histogram.ts'

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export type LabelValue = string | number

export class Exposition {
  readonly #samples = new Map<MetricName, string[]>()

  /** @param labels values, in the order of the metric's labels */
  add(name: MetricName, value: number, ...labels: readonly LabelValue[]): void {
    this.#lines(name).push(`${name}${braced(labelTexts(name, labels))} ${numberText(value)}\n`)
  }

  /** @param bounds those that it was counted by */
  addHistogram(
    name: MetricName,
    { counts, sum }: Histogram,
    bounds: readonly number[],
    ...labels: readonly LabelValue[]
  ): void {
    const lines = this.#lines(name)
    const own = labelTexts(name, labels)
    const prefix = own === '' ? '' : `${own},`
    let count = 0
    for (let index = 0; index <= bounds.length; index++) {
      count += counts[index] ?? 0
      const bound = bounds[index]
      lines.push(`${name}_bucket{${prefix}le="${bound === undefined ? '+Inf' : bound}"} ${count}\n`)
    }
    lines.push(`${name}_sum${braced(own)} ${numberText(sum)}\n`, `${name}_count${braced(own)} ${count}\n`)
  }

  /** The text of the scrape. */
  render(): string {
    let text = ''
    for (const [name, { type, help }] of Object.entries(METRICS) as [MetricName, (typeof METRICS)[MetricName]][]) {
      const lines = this.#samples.get(name)
      if (lines === undefined) continue
      text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
      text += lines.join('')
    }
    return text
  }

  #lines(name: MetricName): string[] {
    const known = this.#samples.get(name)
    if (known !== undefined) return known
    const lines: string[] = []
    this.#samples.set(name, lines)
    return lines
  }
}

function labelTexts(name: MetricName, values: readonly LabelValue[]): string {
  const { labels } = METRICS[name]
  if (labels.length !== values.length) throw new RangeError(`${name} has the labels ${labels.join(', ')}`)
  if (values.length === 0) return ''
  return labels.map((label, index) => `${label}="${escaped(String(values[index]))}"`).join(',')
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function escaped(value: string): string {
  return /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
