/**
 * Owns how results look to people.
 * Must not know: where they go, how they came about.
 * Invariant: shows nothing that the JSON file does not hold; the same on every machine, whatever its locale.
 */
import type { CaseResult, Environment, Ratio, Series } from './results.ts'

const GAP = '  '

export function environmentText(environment: Environment): string {
  const { node, cpu, cores, kernel, commit, dirty, loadAverage, governor, descriptorsMax, pinning } = environment
  const changed = dirty === true ? ' with changes' : ''
  return [
    `Node ${node} on ${cpu ?? 'an unknown CPU'}, ${cores} cores, ${kernel}; commit ${commit ?? 'unknown'}${changed}`,
    `load average ${loadAverage.toFixed(2)} at the start, governor ${governor ?? 'unknown'}`,
    `open files at most ${descriptorsMax ?? 'unknown'}; pinning: ${pinning}`,
    '',
  ].join('\n')
}

export function caseText(result: CaseResult): string {
  const { group, name, unit, better, series, ratios, notes, missing } = result
  const rounds = Math.max(0, ...series.map((one) => one.rounds.length))
  const heading = `${group}/${name}: ${unit}, ${better === 'higher' ? 'more' : 'less'} is better, ${rounds} rounds`
  const sections = [
    heading,
    ...(series.length > 0
      ? table(['', 'median', 'lowest', 'highest', ...heapHeading(series), ''], series.map(seriesRow))
      : []),
    ...(ratios.length > 0 ? table(['ratio', 'median', 'lowest', 'highest', ''], ratios.map(ratioRow)) : []),
    ...missing.map((one) => `${GAP}without ${one.name}: ${one.reason}`),
    ...notes.map((note) => `${GAP}note: ${note}`),
  ]
  return `${sections.join('\n')}\n`

  function seriesRow(one: Series): string[] {
    const heap = heapHeading(series).length === 0 ? [] : [heapText(one)]
    return [one.name, ...[one.median, one.min, one.max].map(number), ...heap, goalText(one, better)]
  }
}

function heapHeading(series: readonly Series[]): string[] {
  return series.some((one) => one.heapBytesPerOperation !== null) ? ['heap B/op'] : []
}

function heapText({ heapBytesPerOperation }: Series): string {
  return heapBytesPerOperation === null ? '' : number(heapBytesPerOperation)
}

function ratioRow(one: Ratio): string[] {
  const { of, to, median, min, max } = one
  return [`${of} / ${to}`, ...[median, min, max].map((value) => value.toFixed(2)), goalText(one, 'higher')]
}

/** A goal that lies between the lowest and the highest round is neither reached nor missed for sure. */
function goalText({ goal, median, min, max }: Series | Ratio, better: 'higher' | 'lower'): string {
  if (goal === null) return ''
  const isReached = better === 'higher' ? median >= goal : median <= goal
  const isWithin = min < goal && goal < max
  return `goal ${number(goal)}: ${isReached ? 'reached' : 'NOT reached'}${isWithin ? ', but within the spread' : ''}`
}

/** Names to the left, numbers to the right, goals to the left again. */
function table(heading: readonly string[], rows: readonly string[][]): string[] {
  const widths = heading.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const last = heading.length - 1
  return [[...heading], ...rows].map((row) => {
    const cells = row.map((text, column) => {
      const width = widths[column] ?? 0
      return column === 0 || column === last ? text.padEnd(width) : text.padStart(width)
    })
    return `${GAP}${cells.join(GAP)}`.trimEnd()
  })
}

/** Four digits that count. */
export function number(value: number): string {
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : 2
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}
