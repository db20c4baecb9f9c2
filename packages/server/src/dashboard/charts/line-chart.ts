/**
 * Owns a chart of lines over the last minutes, with what they are now, or where the cursor is, in words above it.
 * Must not know: where the numbers come from.
 */
import type UPlot from 'uplot'
import { element, setAttribute, setChildren } from '../dom.ts'
import type { Column, Series } from '../series.ts'
import type { Colours } from './colours.ts'
import {
  axisOf,
  createPlot,
  decadesOf,
  isPhone,
  type Plot,
  powersOnly,
  SHARED_CURSOR,
  timeAxis,
  timeScale,
  timeText,
} from './plot.ts'

export interface Line {
  readonly column: Column
  readonly label: string
  /** One of the style sheet's: 1 to 5. */
  readonly colour: number
  readonly isFilled?: true
}

export interface LineChartSpec {
  readonly name: string
  readonly place: HTMLElement
  readonly legend: HTMLElement
  readonly lines: readonly Line[]
  readonly isLogarithmic: boolean
  readonly text: (value: number) => string
  /** Of a value that is told beside the chart; `text` unless it is here. */
  readonly told?: (value: number) => string
}

const HEIGHT_PX = 230
const HEIGHT_PHONE_PX = 190
const HEADROOM = 1.12
/** Where nothing was measured yet: 10 µs to 100 ms. */
const LATENCIES: readonly [number, number] = [1e-5, 0.1]

export class LineChart {
  readonly #spec: LineChartSpec
  readonly #series: Series
  #plot: Plot | undefined

  constructor(spec: LineChartSpec, series: Series) {
    this.#spec = spec
    this.#series = series
  }

  /** Anew: in other colours, or for another width. */
  rebuild(colours: Colours): void {
    this.#plot?.destroy()
    const { place } = this.#spec
    this.#plot = createPlot(this.#options(colours), this.#data(), place)
  }

  draw(): void {
    const { place } = this.#spec
    const plot = this.#plot
    if (plot === undefined) return
    if (plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: heightNow() })
    plot.setData(this.#data())
    this.#tell(plot.cursor.idx ?? null)
  }

  #data(): UPlot.AlignedData {
    const { lines } = this.#spec
    return [this.#series.times, ...lines.map(({ column }) => this.#series.column(column))] as UPlot.AlignedData
  }

  #options(colours: Colours): UPlot.Options {
    const { lines, isLogarithmic, text, place } = this.#spec
    const values = (_: Plot, splits: readonly number[]): string[] =>
      splits.map((value) => (value === null ? '' : text(value)))
    return {
      width: place.clientWidth,
      height: heightNow(),
      legend: { show: false },
      cursor: SHARED_CURSOR,
      scales: {
        x: timeScale(() => this.#series.times),
        y: { distr: isLogarithmic ? 3 : 1, range: () => this.#range() },
      },
      axes: [
        timeAxis(colours),
        axisOf(colours, {
          size: 58,
          space: 34,
          values,
          ...(isLogarithmic && {
            filter: powersOnly as UPlot.Axis.Filter,
            grid: { stroke: colours.of('--line-soft'), width: 1, filter: powersOnly as UPlot.Axis.Filter },
          }),
        }),
      ],
      series: [
        {},
        ...lines.map(({ colour, label, isFilled }) => ({
          label,
          stroke: colours.of(`--c${colour}`),
          width: 1.75,
          points: { show: false },
          ...(isFilled === true && { fill: colours.of('--fill1') }),
        })),
      ],
      hooks: { setCursor: [(plot) => this.#tell(plot.cursor.idx ?? null)] },
    }
  }

  #range(): [number, number] {
    const { lines, isLogarithmic } = this.#spec
    const shown = lines.flatMap(({ column }) => this.#series.column(column)).filter((value) => value !== null)
    if (isLogarithmic) return decadesOf(shown, LATENCIES)
    return [0, Math.max(1, ...shown) * HEADROOM]
  }

  #tell(index: number | null): void {
    const { lines, text, told = text, legend, place, name } = this.#spec
    const said = lines.map(({ column, label, colour }) => {
      const value = index === null ? this.#series.latest(column) : this.#series.column(column)[index]
      return { label, colour, value: value === null || value === undefined ? '–' : told(value) }
    })
    const keys = said.map(({ label, colour, value }) =>
      element('span', {}, element('i', { class: `key key${colour}` }), `${label} `, element('b', {}, value)),
    )
    const at = index === null ? undefined : this.#series.times[index]
    setChildren(legend, at === undefined ? keys : [...keys, element('span', { class: 'at' }, timeText(at))])
    setAttribute(place, 'data-points', String(this.#series.times.length))
    setAttribute(place, 'aria-label', `${name}: ${said.map(({ label, value }) => `${label} ${value}`).join(', ')}`)
  }
}

function heightNow(): number {
  return isPhone() ? HEIGHT_PHONE_PX : HEIGHT_PX
}
