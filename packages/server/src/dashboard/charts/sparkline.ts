/**
 * Owns a line of the last minutes as small as a word.
 * Must not know: what it is of.
 */
import { setAttribute, svg } from '../dom.ts'
import { SECONDS_SHOWN } from '../series.ts'

const HEIGHT = 24

export class Sparkline {
  readonly root: SVGElement
  readonly #line = svg('path', { class: 'spark-line' })
  readonly #area = svg('path', { class: 'spark-area' })
  readonly #most: number | undefined

  /** @param most what fills its height; the most of its values where that is undefined */
  constructor(most?: number) {
    this.#most = most
    const box = `0 0 ${SECONDS_SHOWN} ${HEIGHT}`
    const attributes = { class: 'spark', viewBox: box, preserveAspectRatio: 'none', 'aria-hidden': 'true' }
    this.root = svg('svg', attributes, this.#area, this.#line)
  }

  draw(values: readonly (number | null)[]): void {
    const most = this.#most ?? values.reduce<number>((high, value) => Math.max(high, value ?? 0), 1e-9)
    const runs = runsOf(values).map((run) =>
      run.map(([x, value]) => [x, (HEIGHT - 1 - (Math.min(value, most) / most) * (HEIGHT - 3)).toFixed(1)] as const),
    )
    const line = runs.map((run) => `M${run.map(([x, y]) => `${x} ${y}`).join('L')}`).join('')
    const area = runs.map((run) => {
      const [first, last] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0]
      return `M${first} ${HEIGHT}L${run.map(([x, y]) => `${x} ${y}`).join('L')}L${last} ${HEIGHT}Z`
    })
    setAttribute(this.#line, 'd', line)
    setAttribute(this.#area, 'd', area.join(''))
  }
}

/** Values that follow each other without a gap, with their places: the last one stands at the right end. */
function runsOf(values: readonly (number | null)[]): [number, number][][] {
  const shown = values.slice(-SECONDS_SHOWN)
  const offset = SECONDS_SHOWN - shown.length
  const runs: [number, number][][] = []
  let run: [number, number][] = []
  for (const [index, value] of shown.entries()) {
    if (value === null) run = []
    else {
      if (run.length === 0) runs.push(run)
      run.push([offset + index, value])
    }
  }
  return runs
}
