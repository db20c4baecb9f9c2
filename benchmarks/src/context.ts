/**
 * Owns what every case is given to run with, and the walk over rounds that they share.
 * Must not know: any case.
 * Invariant: contestants take turns, A B C A B C, so that a machine that grows slower does so for all. One that is
 * unavailable, or fails, is left out from then on with its reason, and its samples with it.
 */
import { ProgramFailed } from './children.ts'
import type { Children } from './children.ts'
import type { Arguments, CaseName } from './arguments.ts'
import { ratioOf, seriesOf } from './results.ts'
import type { CaseResult, Series } from './results.ts'
import { Unavailable } from './toolchain.ts'
import type { Toolchain } from './toolchain.ts'

export interface Context {
  readonly options: Arguments
  readonly children: Children
  readonly toolchain: Toolchain
  /** Says what is going on, for whoever waits. */
  readonly progress: (text: string) => void
}

export interface Case extends CaseName {
  run(context: Context): Promise<CaseResult>
}

export interface Missing {
  readonly name: string
  readonly reason: string
}

export interface Rounds {
  readonly samples: ReadonlyMap<string, number[]>
  readonly missing: readonly Missing[]
}

/** Measures each contestant once a round. */
export async function inRounds<T extends { readonly name: string }>(
  rounds: number,
  contestants: readonly T[],
  progress: (text: string) => void,
  measure: (contestant: T, round: number) => Promise<number>,
): Promise<Rounds> {
  const samples = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  const missing: Missing[] = []
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      const { name } = contestant
      if (!samples.has(name)) continue
      progress(`round ${round + 1} of ${rounds}: ${name}`)
      try {
        samples.get(name)?.push(await measure(contestant, round))
      } catch (error) {
        if (!(error instanceof Unavailable) && !(error instanceof ProgramFailed)) throw error
        samples.delete(name)
        missing.push({ name, reason: error.message })
      }
    }
  }
  return { samples, missing }
}

/** What a ratio in a case is of and to, with what it should reach. */
export type WantedRatio = readonly [of: string, to: string, goal?: number]

export interface CaseShape extends CaseName {
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly ratios: readonly WantedRatio[]
  /** Goals of single contestants. */
  readonly goals?: Readonly<Record<string, number>>
  readonly notes: readonly string[]
}

/** Sums rounds up; a ratio whose contestants are not both here is left out. */
export function caseResult(shape: CaseShape, { samples, missing }: Rounds): CaseResult {
  const { group, name, unit, better, goals = {}, notes } = shape
  const series = [...samples].map(([of, rounds]) => {
    const goal = goals[of]
    return seriesOf(of, rounds, goal === undefined ? {} : { goal })
  })
  const byName = new Map<string, Series>(series.map((one) => [one.name, one]))
  const ratios = shape.ratios.flatMap(([of, to, goal]) => {
    const [one, other] = [byName.get(of), byName.get(to)]
    return one === undefined || other === undefined ? [] : [ratioOf(one, other, better, goal ?? null)]
  })
  return { group, name, unit, better, series, ratios, notes: [...notes], missing: [...missing] }
}
