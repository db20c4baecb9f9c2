/**
 * Owns what a case of the micro group is, and how its measured times become a result.
 * Must not know: any case.
 */
import { ratioOf, seriesOf } from '../results.ts'
import type { CaseResult } from '../results.ts'
import type { LoopResult, Variant } from './loop.ts'

export interface MicroCase {
  readonly name: string
  /** How often an operation happens, or how long it takes. */
  readonly unit: 'M/s' | 'ns'
  readonly ratios: readonly (readonly [of: string, to: string, goal?: number])[]
  readonly goals?: Readonly<Record<string, number>>
  readonly notes?: readonly string[]
  /** What only the times can tell. */
  conclude?(result: CaseResult): string[]
  /** Makes what is measured; called in the process that measures. */
  build(): Variant[]
}

export function microResult(micro: MicroCase, { variants }: LoopResult): CaseResult {
  const { name, unit, goals = {}, notes = [] } = micro
  const better = unit === 'M/s' ? 'higher' : 'lower'
  const series = variants.map((one) => {
    const samples = one.nsPerOperation.map((ns) => (unit === 'M/s' ? 1000 / ns : ns))
    const goal = goals[one.name]
    const { heapBytesPerOperation } = one
    return seriesOf(one.name, samples, goal === undefined ? { heapBytesPerOperation } : { heapBytesPerOperation, goal })
  })
  const seriesNamed = (wanted: string) => {
    const found = series.find((one) => one.name === wanted)
    if (found === undefined) throw new Error(`micro/${name} has no variant ${wanted}`)
    return found
  }
  const ratios = micro.ratios.map(([of, to, goal]) => ratioOf(seriesNamed(of), seriesNamed(to), better, goal ?? null))
  const rates = variants.flatMap(({ name: of, bytesPerOperation }) => {
    if (bytesPerOperation === null || unit !== 'M/s') return []
    return [`${of}: ${((seriesNamed(of).median * bytesPerOperation) / 1000).toFixed(2)} GB/s`]
  })
  const result: CaseResult = {
    ...{ group: 'micro', name, unit, better, series, ratios },
    ...{ notes: [...notes, ...rates], missing: [] },
  }
  return { ...result, notes: [...result.notes, ...(micro.conclude?.(result) ?? [])] }
}
