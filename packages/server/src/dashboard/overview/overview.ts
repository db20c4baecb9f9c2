/**
 * Owns the view of the daemon as a whole.
 * Must not know: the stream, other views.
 * Invariant: nothing is drawn while it is not seen.
 */
import { bytesText, countText, estimateText, percentText, secondsText } from '../../admin/units.ts'
import type { Sample } from '../../admin/status.ts'
import type { View } from '../../admin/view.ts'
import { readColours } from '../charts/colours.ts'
import { HeatMap } from '../charts/heat-map.ts'
import { LineChart } from '../charts/line-chart.ts'
import { find } from '../dom.ts'
import type { Series } from '../series.ts'
import { Lists } from './lists.ts'
import { Tiles } from './tiles.ts'
import { factsOf, WorkerCards } from './worker-cards.ts'

export class Overview {
  readonly #series: Series
  readonly #tiles = new Tiles()
  readonly #workers = new WorkerCards()
  readonly #lists: Lists
  readonly #charts: readonly LineChart[]
  readonly #heat: HeatMap
  readonly #primary = factsOf(['Busy', 'Loop delay p99', 'Resident', 'Open files', 'Waiting to be handed over'])
  #isBuilt = false

  constructor(series: Series, onOpen: (id: string) => void, onReason: (reason: string) => void) {
    this.#series = series
    this.#lists = new Lists(onOpen, onReason)
    this.#charts = [rateChart(series), latencyChart(series)]
    this.#heat = new HeatMap(find('chart-heat', HTMLElement), find('legend-heat', HTMLElement), series)
    find('primary', HTMLElement).append(this.#primary.root)
  }

  /** In other colours. */
  restyle(): void {
    this.#isBuilt = false
  }

  /** To be called only while it is seen: charts go by the room that they have. */
  draw(sample: Sample, view: View): void {
    if (!this.#isBuilt) this.#build()
    const { status, missing } = sample
    this.#tiles.draw(view, this.#series)
    for (const chart of this.#charts) chart.draw()
    this.#heat.draw(status.bounds.duration)
    this.#workers.draw(status.workers, view.workers, this.#series, status.now, missing)
    this.#lists.draw(sample, view)
    const { primary } = status
    this.#primary.draw([
      percentText(view.primaryLoop),
      estimateText(view.primaryDelayP99, '–'),
      bytesText(primary.residentBytes),
      `${countText(primary.openFiles)} of ${countText(primary.openFilesMax)}`,
      countText(status.handoffPending),
    ])
  }

  #build(): void {
    this.#isBuilt = true
    const colours = readColours()
    for (const chart of this.#charts) chart.rebuild(colours)
    this.#heat.rebuild(colours)
  }
}

function rateChart(series: Series): LineChart {
  const spec = {
    name: 'Messages a second',
    place: find('chart-rate', HTMLElement),
    legend: find('legend-rate', HTMLElement),
    lines: [
      { column: 'framesIn', label: 'in', colour: 1, isFilled: true },
      { column: 'framesOut', label: 'out', colour: 2 },
    ],
    isLogarithmic: false,
    text: countText,
  } as const
  return new LineChart(spec, series)
}

function latencyChart(series: Series): LineChart {
  const spec = {
    name: 'Latency',
    place: find('chart-latency', HTMLElement),
    legend: find('legend-latency', HTMLElement),
    lines: [
      { column: 'p50', label: 'p50', colour: 3 },
      { column: 'p90', label: 'p90', colour: 1 },
      { column: 'p99', label: 'p99', colour: 2 },
      { column: 'p999', label: 'p99.9', colour: 4 },
    ],
    isLogarithmic: true,
    text: secondsText,
    told: estimateText,
  } as const
  return new LineChart(spec, series)
}
