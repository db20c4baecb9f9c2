/**
 * Owns what all charts over time share: their axes, their place in the page, the cursor that they have in common.
 * Must not know: what is drawn.
 * Invariant: the library is the classic script of index.html; this is the only file that names it.
 */
import type UPlot from 'uplot'
import { SECONDS_SHOWN } from '../series.ts'
import type { Colours } from './colours.ts'

export type Plot = UPlot
export type Options = UPlot.Options
export type Axis = UPlot.Axis

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
const MINUTE_S = 60
const PHONE_PX = 760
const MS_PER_S = 1000

const clockText = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const exactText = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

export function timeText(seconds: number): string {
  return exactText.format(seconds * MS_PER_S)
}

export function isPhone(): boolean {
  return innerWidth < PHONE_PX
}

export function axisOf(colours: Colours, more: Partial<Axis>): Axis {
  return {
    stroke: colours.of('--muted'),
    font: FONT,
    gap: 5,
    grid: { stroke: colours.of('--line-soft'), width: 1 },
    ticks: { show: false },
    ...more,
  }
}

export function timeAxis(colours: Colours): Axis {
  return axisOf(colours, {
    incrs: [MINUTE_S, 2 * MINUTE_S, 5 * MINUTE_S],
    space: 50,
    size: 26,
    grid: { show: false },
    values: (_, splits) => splits.map((at) => clockText.format(at * MS_PER_S)),
  })
}

/** The last minutes, up to the latest sample. */
export function timeScale(times: () => readonly number[]): UPlot.Scale {
  return {
    time: false,
    range: () => {
      const end = times().at(-1) ?? SECONDS_SHOWN
      return [end - SECONDS_SHOWN, end]
    },
  }
}

/** From a power of ten to one. @param values those that are drawn */
export function decadesOf(values: Iterable<number>, fallback: readonly [number, number]): [number, number] {
  let least = Infinity
  let most = 0
  for (const value of values) {
    if (value > 0 && value < least) least = value
    if (value > most) most = value
  }
  if (most === 0) return [...fallback]
  const low = 10 ** Math.floor(Math.log10(least) + 1e-9)
  return [low, Math.max(10 ** Math.ceil(Math.log10(most) - 1e-9), low * 10)]
}

export function isPowerOfTen(value: number): boolean {
  return value > 0 && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9
}

/** Of a logarithmic axis only the powers of ten: the lines between say nothing more. */
export function powersOnly(_: Plot, splits: readonly number[]): (number | null)[] {
  return splits.map((value) => (isPowerOfTen(value) ? value : null))
}

/** All charts over time show the same moment. */
export const SHARED_CURSOR: UPlot.Cursor = {
  sync: { key: 'time', scales: ['x', null] },
  drag: { x: false, y: false },
  y: false,
  points: { size: 7 },
}

export function createPlot(options: Options, data: UPlot.AlignedData, place: HTMLElement): Plot {
  return new uPlot(options, data, place)
}
