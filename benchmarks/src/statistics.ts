/**
 * Owns what is said about a handful of rounds: median, lowest, highest, and the ratio of two contestants.
 * Must not know: what was measured.
 * Invariant: a ratio is taken within each round, between measurements that lie next to each other in time, and only
 * then summed up: what disturbed a whole round disturbs none of its ratios.
 */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Throws a RangeError for no values, or one that is not finite. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('no values to summarize')
  if (!values.every(Number.isFinite)) throw new RangeError(`values that are not finite: ${values.join(', ')}`)
  const sorted = values.toSorted((a, b) => a - b)
  return { median: medianOfSorted(sorted), min: sorted[0] as number, max: sorted.at(-1) as number }
}

function medianOfSorted(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] as number
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] as number
  return (lower + upper) / 2
}

export type Better = 'higher' | 'lower'

/**
 * By round, how many times as good `of` is as `to`: above 1 it is better, whether more or less of the unit is wanted.
 * Throws a RangeError when the two have not the same number of rounds, or a round measured nothing.
 */
export function ratiosByRound(of: readonly number[], to: readonly number[], better: Better): number[] {
  if (of.length !== to.length) throw new RangeError(`${of.length} rounds of one and ${to.length} of the other`)
  return of.map((value, round) => {
    const other = to[round] as number
    const ratio = better === 'higher' ? value / other : other / value
    if (!Number.isFinite(ratio)) throw new RangeError(`no ratio of ${value} to ${other}`)
    return ratio
  })
}
