/**
 * Owns the heat map: how many requests took how long, second by second.
 * Must not know: where the counts come from.
 */
import type UPlot from 'uplot'
import { countText, secondsText } from '../../admin/units.ts'
import { element, setAttribute, setChildren } from '../dom.ts'
import type { Series } from '../series.ts'
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

const HEIGHT_PX = 240
const HEIGHT_PHONE_PX = 200
/** What a second's counts fill when those before are missing. */
const SECOND_S = 1
const LATENCIES: readonly [number, number] = [1e-5, 0.1]
/** Columns wider than this are kept apart by a pixel. */
const SEAM_FROM_PX = 6

export class HeatMap {
  readonly #place: HTMLElement
  readonly #legend: HTMLElement
  readonly #series: Series
  #bounds: readonly number[] = []
  #colours: Colours | undefined
  #plot: Plot | undefined

  constructor(place: HTMLElement, legend: HTMLElement, series: Series) {
    this.#place = place
    this.#legend = legend
    this.#series = series
  }

  /** Anew: in other colours, or for another width. */
  rebuild(colours: Colours): void {
    this.#plot?.destroy()
    this.#colours = colours
    this.#plot = createPlot(this.#options(colours), this.#data(), this.#place)
  }

  /** @param bounds of the buckets, in seconds */
  draw(bounds: readonly number[]): void {
    this.#bounds = bounds
    const plot = this.#plot
    if (plot === undefined) return
    if (plot.width !== this.#place.clientWidth) plot.setSize({ width: this.#place.clientWidth, height: heightNow() })
    plot.setData(this.#data())
    this.#tell(plot)
  }

  #data(): UPlot.AlignedData {
    const [low] = this.#range()
    const { times } = this.#series
    return [[...times], times.map(() => low)]
  }

  #options(colours: Colours): UPlot.Options {
    const filter = powersOnly as UPlot.Axis.Filter
    return {
      width: this.#place.clientWidth,
      height: heightNow(),
      legend: { show: false },
      cursor: { ...SHARED_CURSOR, y: true, points: { show: false } },
      scales: { x: timeScale(() => this.#series.times), y: { distr: 3, range: () => this.#range() } },
      axes: [
        timeAxis(colours),
        axisOf(colours, {
          size: 58,
          filter,
          grid: { stroke: colours.of('--line-soft'), width: 1, filter },
          values: (_, splits) => splits.map((value) => (value === null ? '' : secondsText(value))),
        }),
      ],
      series: [{}, { stroke: 'transparent', points: { show: false } }],
      hooks: { drawClear: [(plot) => this.#paint(plot)], setCursor: [(plot) => this.#tell(plot)] },
    }
  }

  #range(): [number, number] {
    const shown = new Set<number>()
    for (const counts of this.#series.heat) {
      for (const [bucket, count] of counts?.entries() ?? []) {
        if (count === 0) continue
        const [low, high] = this.#edges(bucket)
        shown.add(low).add(high)
      }
    }
    return decadesOf(shown, LATENCIES)
  }

  /** Of a bucket, in seconds: the first begins at half of its bound, the last ends at twice the last bound. */
  #edges(bucket: number): [number, number] {
    const bounds = this.#bounds
    const first = bounds[0] ?? 1e-6
    const last = bounds.at(-1) ?? first
    return [bounds[bucket - 1] ?? first / 2, bounds[bucket] ?? last * 2]
  }

  #most(): number {
    let most = 0
    for (const counts of this.#series.heat) for (const count of counts ?? []) if (count > most) most = count
    return most
  }

  #paint(plot: Plot): void {
    const { ctx, bbox } = plot
    const most = this.#most()
    const colours = this.#colours
    if (most === 0 || colours === undefined) return
    ctx.save()
    ctx.beginPath()
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
    ctx.clip()
    const { heat } = this.#series
    for (const [index, counts] of heat.entries()) {
      if (counts === null) continue
      const [from, to] = this.#span(heat, index)
      const [left, right] = [from, to].map((at) => Math.round(plot.valToPos(at, 'x', true))) as [number, number]
      const width = Math.max(1, right - left - (right - left > SEAM_FROM_PX ? 1 : 0))
      for (const [bucket, count] of counts.entries()) {
        if (count === 0) continue
        const edges = this.#edges(bucket).map((edge) => Math.round(plot.valToPos(edge, 'y', true)))
        const [bottom = 0, top = 0] = edges
        ctx.fillStyle = colours.heat(most <= 1 ? 1 : Math.log(1 + count) / Math.log(1 + most))
        ctx.fillRect(left, top, width, Math.max(1, bottom - top))
      }
    }
    ctx.restore()
  }

  /** The seconds that counts are of. */
  #span(heat: readonly unknown[], index: number): [number, number] {
    const to = this.#series.times[index] ?? 0
    const before = this.#series.times[index - 1]
    const isJoined = before !== undefined && heat[index - 1] !== null
    return [isJoined ? before : to - SECOND_S, to]
  }

  #tell(plot: Plot): void {
    const most = this.#most()
    const told = most === 0 ? 'nothing was timed yet' : `${countText(most)} a second`
    const ramp = element('span', {}, 'few', element('i', { class: 'ramp' }), told)
    const pointed = this.#pointed(plot)
    setChildren(this.#legend, pointed === undefined ? [ramp] : [ramp, element('span', { class: 'at' }, pointed)])
    setAttribute(this.#place, 'aria-label', `Heat map of latencies; the most in one cell is ${told}`)
  }

  #pointed(plot: Plot): string | undefined {
    const { left, top, idx } = plot.cursor
    if (left === undefined || top === undefined || left < 0 || top < 0 || idx == null) return undefined
    const value = plot.posToVal(top, 'y')
    const counts = this.#series.heat[idx]
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    const at = this.#series.times[idx]
    if (counts == null || at === undefined || bucket < 0) return undefined
    const [low, high] = this.#edges(bucket)
    const count = countText(counts[bucket] ?? 0)
    return `${timeText(at)}: ${count} took ${secondsText(low)} to ${secondsText(high)}`
  }
}

function heightNow(): number {
  return isPhone() ? HEIGHT_PHONE_PX : HEIGHT_PX
}
