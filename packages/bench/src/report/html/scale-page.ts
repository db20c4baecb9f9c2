/**
 * Owns a sweep's report as a page.
 * Must not know: how a page is written.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../../options/target.ts'
import { throughputOf } from '../../scale/models.ts'
import { peakInWords } from '../scale-table.ts'
import type { ScaleReport } from '../schema/scale.ts'
import type { LinesChart } from './charts.ts'
import { environmentFacts } from './environment-facts.ts'
import { pageOf } from './page.ts'
import type { Facts, Table, Tile } from './page.ts'
import { inGroups, inPercent, inUs } from './words.ts'

const COLORS = { linear: 5, amdahl: 4, usl: 2 } as const
const NAMES = { linear: 'linear', amdahl: 'Amdahl', usl: 'USL' } as const
/** Points of a fitted curve beside those measured. */
const STEPS = 40

export function scalePage(report: ScaleReport): string {
  const { over, sizes, options, verdict, environment, commandLine, version, startedAt, settings } = report
  return pageOf({
    title: `Throughput by number of ${over}: ${sizes.join(', ')}`,
    lead: `${targetUrl(options.target)}, ${startedAt.slice(0, 16)}Z`,
    verdict,
    objectives: [],
    tiles: tilesOf(report),
    sections: [
      throughputChart(report),
      residualChart(report),
      fitsTable(report),
      runsTable(report),
      ...(settings === null ? [] : [settingsFacts(settings)]),
      environmentFacts(environment, commandLine),
    ],
    foot: `shardwire-bench ${version}, ${startedAt}`,
  })
}

function tilesOf({ runs, best, peak, over, fits }: ScaleReport): Tile[] {
  const most = runs.reduce((top, run) => (run.messagesPerSecond > top.messagesPerSecond ? run : top), runs[0] ?? EMPTY)
  const fitted = fits.find(({ model }) => model === best)
  return [
    {
      name: 'most',
      value: inGroups(most.messagesPerSecond),
      unit: '/s',
      beside: `with ${inGroups(most.size)} ${over}`,
    },
    ...(best === null || fitted === undefined
      ? [
          { name: 'best fit', value: 'none', beside: 'see the verdict' },
          { name: 'peak', value: 'not told', beside: 'no law is the best' },
        ]
      : [
          { name: 'best fit', value: NAMES[best], beside: `explains ${inPercent(fitted.explained)} of the variance` },
          { name: 'peak', value: peak === null ? 'not in sight' : peak.size.toFixed(1), beside: over },
        ]),
  ]
}

const EMPTY = { messagesPerSecond: 0, size: 0 }

/** What was measured, and the laws beside it; a curve needs more points than there are sizes. */
function throughputChart({ runs, fits, sizes, over }: ScaleReport): LinesChart {
  const [least = 1, most = 1] = [sizes[0], sizes.at(-1)]
  const between = Array.from({ length: STEPS + 1 }, (_, step) => least + ((most - least) * step) / STEPS)
  const axis = [...new Set([...sizes, ...between])].toSorted((one, other) => one - other)
  const repeats = Math.max(0, ...runs.map(({ repeat }) => repeat)) + 1
  const measured = Array.from({ length: repeats }, (_, repeat) => {
    return axis.map((size) => runs.find((run) => run.size === size && run.repeat === repeat)?.messagesPerSecond ?? null)
  })
  return {
    kind: 'lines',
    title: 'Throughput',
    note: 'Points are runs, curves the laws fitted to them.',
    isWide: true,
    x: { name: over, scale: 'linear', unit: 'count', values: axis },
    y: { scale: 'linear', unit: 'rate', include: [0] },
    series: [
      ...measured.map((values, repeat) => {
        return { label: repeats === 1 ? 'measured' : `run ${repeat + 1}`, values, color: 1, style: 'points' } as const
      }),
      ...fits.map(
        ({ model, parameters }) =>
          ({
            label: NAMES[model],
            values: axis.map((size) => throughputOf(parameters, size)),
            color: COLORS[model],
            style: model === 'usl' ? 'line' : 'dash',
          }) as const,
      ),
    ],
  }
}

function residualChart({ fits, sizes, over }: ScaleReport): LinesChart {
  return {
    kind: 'lines',
    title: 'Residuals',
    note: 'How far the mean of each size is from each law, in percent; a curve in them says that the law is wrong.',
    isWide: true,
    x: { name: over, scale: 'linear', unit: 'count', values: sizes },
    y: { scale: 'linear', unit: 'number', include: [0] },
    series: fits.map(({ model, residuals }) => ({
      label: NAMES[model],
      values: sizes.map((size) => {
        const some = residuals.filter((residual) => residual.size === size)
        return some.length === 0 ? null : (100 * some.reduce((sum, { share }) => sum + share, 0)) / some.length
      }),
      color: COLORS[model],
      style: 'line',
    })),
  }
}

function fitsTable({ fits, best, bestWhy, peak, over, predictions }: ScaleReport): Table {
  const rows = fits.map(({ model, parameters, explained }) => [
    `${NAMES[model]}${model === best ? ' (best)' : ''}`,
    inGroups(Math.round(parameters.each)),
    model === 'linear' ? '' : inPercent(parameters.serial),
    model === 'usl' ? inPercent(parameters.crosstalk) : '',
    explained.toFixed(4),
  ])
  const predicted = predictions.map(({ size, perSecond, why }) => {
    return `${inGroups(size)}: ${perSecond === null ? why : `${inGroups(Math.round(perSecond))}/s ${why}`}`
  })
  const peakFound = peak === null ? 'No peak within twice of what was measured.' : `Peak: ${peakInWords(peak, over)}.`
  const peakSaid = best === null ? `No law is the best, and no peak is told: ${bestWhy}.` : peakFound
  return {
    kind: 'table',
    title: 'Laws',
    note: [peakSaid, ...predicted.map((text) => `Predicted for ${text}.`)].join(' '),
    isWide: true,
    head: ['', 'messages/s of one', 'serial part', 'crosstalk', 'R²'],
    rows,
  }
}

function runsTable({ runs, over }: ScaleReport): Table {
  return {
    kind: 'table',
    title: 'Runs',
    note: '',
    isWide: true,
    head: [over, 'run', 'messages/s', 'p50', 'p99', 'server cores', 'generator cores', ''],
    rows: runs.map(({ size, repeat, messagesPerSecond, response, serverCores, generatorCores, verdict }) => {
      const cores = [serverCores, generatorCores].map((value) => (value === null ? '' : value.toFixed(2)))
      const times = [response.p50Us, response.p99Us].map(inUs)
      return [inGroups(size), String(repeat + 1), inGroups(messagesPerSecond), ...times, ...cores, verdict.state]
    }),
  }
}

function settingsFacts(settings: Readonly<Record<string, string>>): Facts {
  return { kind: 'facts', title: 'Settings of the daemon', isOpen: false, rows: Object.entries(settings) }
}
