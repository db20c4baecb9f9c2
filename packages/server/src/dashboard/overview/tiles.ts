/**
 * Owns the figures at the top: each a name, what it is now, and its last minutes.
 * Must not know: where figures come from.
 */
import { bytesText, countText, estimateText } from '../../admin/units.ts'
import type { View } from '../../admin/view.ts'
import { Sparkline } from '../charts/sparkline.ts'
import { element, find, setText } from '../dom.ts'
import type { Column, Series } from '../series.ts'

interface TileSpec {
  readonly name: string
  readonly column: Column
  readonly value: (view: View) => string
  readonly beside: (view: View) => string
}

const perSecond = (value: number): string => `${countText(value)}/s`

const TILES: readonly TileSpec[] = [
  {
    name: 'Connections',
    column: 'connections',
    value: ({ connections }) => connections.toLocaleString('en'),
    beside: ({ acceptedPerSecond, closedPerSecond }) =>
      `+${perSecond(acceptedPerSecond)}  −${perSecond(closedPerSecond)}`,
  },
  {
    name: 'Messages in',
    column: 'framesIn',
    value: ({ framesInPerSecond }) => perSecond(framesInPerSecond),
    beside: ({ bytesInPerSecond }) => `${bytesText(bytesInPerSecond)}/s`,
  },
  {
    name: 'Messages out',
    column: 'framesOut',
    value: ({ framesOutPerSecond }) => perSecond(framesOutPerSecond),
    beside: ({ bytesOutPerSecond }) => `${bytesText(bytesOutPerSecond)}/s`,
  },
  {
    name: 'Latency p99',
    column: 'p99',
    value: ({ latency }) => estimateText(latency.p99, '–'),
    beside: ({ latency }) => `p50 ${estimateText(latency.p50, '–')}`,
  },
  {
    name: 'In flight',
    column: 'inFlight',
    value: ({ requestsInFlight }) => countText(requestsInFlight),
    beside: () => 'not answered yet',
  },
  {
    name: 'Failed',
    column: 'failed',
    value: ({ routes }) => perSecond(routes.reduce((sum, route) => sum + route.failedPerSecond, 0)),
    beside: ({ refusedPerSecond }) => `${perSecond(refusedPerSecond)} sockets refused`,
  },
]

export class Tiles {
  readonly #tiles = TILES.map((spec) => {
    const value = element('div', { class: 'value' }, '–')
    const beside = element('div', { class: 'beside' }, ' ')
    const spark = new Sparkline()
    const root = element('div', { class: 'tile' }, element('div', { class: 'name' }, spec.name), value, beside)
    root.append(spark.root)
    return { spec, root, value, beside, spark }
  })

  constructor() {
    find('tiles', HTMLElement).append(...this.#tiles.map(({ root }) => root))
  }

  draw(view: View, series: Series): void {
    for (const { spec, value, beside, spark } of this.#tiles) {
      setText(value, spec.value(view))
      setText(beside, spec.beside(view))
      spark.draw(series.column(spec.column))
    }
  }
}
