/**
 * Owns the report of a run as a page.
 * Must not know: how a page is written.
 * Invariant: shows nothing that the JSON report does not hold. Beside each latency of an open loop stands the
 * uncorrected one; what was not measured has no tile.
 */
import { rateInWords } from '../../options/rate-spec.ts'
import { targetUrl } from '../../options/target.ts'
import type { LatencyReport } from '../schema/parts.ts'
import type { RunReport } from '../schema/run.ts'
import { heatChart, percentileChart } from './charts.ts'
import type { Chart, LinesChart } from './charts.ts'
import { environmentFacts } from './environment-facts.ts'
import { LATENCY_ROWS } from '../latency-rows.ts'
import { pageOf } from './page.ts'
import { besideFacts, generatorTable } from './run-beside.ts'
import type { Prose, Table, Tile } from './page.ts'
import { inBytes, inGroups, inPercent, inUs, sayCount, sayUs } from './words.ts'

const READING = [
  'Response time counts from the moment a frame was due by the plan, to the moment its answer was read. It is what ' +
    'a caller meets who does not wait for others. Uncorrected is what a generator without a plan would have ' +
    'reported: it counts from the moment of writing, and a stall of the server hides in it, since the generator ' +
    'stalls along.',
  'Own lag is how late the generator itself was. Where it comes near the response time, the number is not the ' +
    "server's: the verdict says so.",
  'A percentile needs at least ten samples above it to be more than the maximum; where it has fewer it is marked, ' +
    'and the curve ends where a single sample decides. Percentiles of several processes are those of their merged ' +
    'histograms, never averages.',
  'In the heat map, a column is an interval, a row a range of response times, and the colour says how many answers ' +
    'came in it, on a logarithmic scale: one answer is visible beside a hundred thousand.',
  'A closed loop finds the highest throughput; its latencies say how long the queue was that it made itself. Judge ' +
    'latency by an open loop at a rate well below the capacity.',
]

export function runPage(report: RunReport): string {
  const { options, verdict, objectives, version, startedAt, environment, commandLine, latency } = report
  const isMeasured = latency.response.samples > 0
  return pageOf({
    title: titleOf(report),
    lead: leadOf(report),
    verdict,
    objectives: objectives.map(({ text, met, metric, actual }) => {
      const was = metric === 'rate' ? `${inGroups(actual)}/s` : metric === 'errors' ? inPercent(actual) : inUs(actual)
      return { met, text: `${text}, was ${was}` }
    }),
    tiles: isMeasured ? tilesOf(report) : [],
    sections: [
      ...(isMeasured ? chartsOf(report) : []),
      ...(isMeasured ? [latencyTable(report)] : []),
      ...classesTable(report),
      ...besideFacts(report),
      generatorTable(report),
      { kind: 'prose', title: 'How to read this report', paragraphs: [...READING, ...report.notes] } satisfies Prose,
      environmentFacts(environment, commandLine),
    ],
    foot: `shardwire-bench ${version}, ${startedAt}, seed ${options.seed}`,
  })
}

function titleOf({ options: { open, connections, depth, beside } }: RunReport): string {
  const idle = beside.idle > 0 ? `, beside ${inGroups(beside.idle)} idle ones` : ''
  const what = `${inGroups(connections)} connections${idle}`
  if (open === null) return `Closed loop, ${what}, ${depth} in flight each`
  const rates = rateInWords(open.stages).replaceAll('..', ' to ')
  return `Open loop at ${open.stages.length === 1 ? `${rates} messages/s` : `steps of ${rates}`}, ${what}`
}

function leadOf({ options, measuredUs, startedAt, merged }: RunReport): string {
  const { target, codec, mode, traffic, open, warmupMs, processes } = options
  const sizes = [...new Set(traffic.shapes.map(({ payloadBytes }) => payloadBytes))]
  const size = sizes.length === 1 ? `${sizes[0]} B` : `${Math.min(...sizes)} to ${Math.max(...sizes)} B`
  const what = codec === 'frame' ? `${mode.toUpperCase()}s` : `${codec} messages`
  const arrivals = open === null ? '' : `, ${open.arrivals} arrivals`
  const from = processes === 1 ? 'one load process' : `${processes} load processes`
  const sum = merged > 1 ? `, the sum of ${merged} runs` : ''
  const measured = `${(measuredUs / 1e6).toFixed(1)} s measured after ${warmupMs / 1000} s of warm-up`
  return `${targetUrl(target)}: ${what} of ${size}${arrivals}, ${from}, ${measured}, ${startedAt.slice(0, 16)}Z${sum}`
}

function tilesOf(report: RunReport): Tile[] {
  const { latency, messagesPerSecond, bytesReceivedPerSecond, errors, messages, open } = report
  const { response, service } = latency
  const rate = sayCount(messagesPerSecond)
  const few = new Set(response.fewSamplesFor)
  const tile = (name: string, percent: number, of: (one: LatencyReport) => number): Tile => {
    const beside = service === null ? undefined : `uncorrected ${inUs(of(service))}`
    const doubt = few.has(percent) ? 'too few samples' : beside
    return { name, ...sayUs(of(response)), ...(doubt === undefined ? {} : { beside: doubt }) }
  }
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0)
  const asked = open === null ? `${inGroups(messages)} answers` : `${inGroups(open.due)} frames due`
  return [
    {
      name: 'throughput',
      value: `${rate.value}${rate.unit === '' ? '' : ` ${rate.unit}`}`,
      unit: 'msg/s',
      beside: `${inBytes(bytesReceivedPerSecond)}/s each way`,
    },
    tile('p50', 50, ({ p50Us }) => p50Us),
    tile('p99', 99, ({ p99Us }) => p99Us),
    tile('p99.9', 99.9, ({ p999Us }) => p999Us),
    tile('max', 0, ({ maxUs }) => maxUs),
    { name: 'errors', value: inGroups(failed), beside: asked },
  ]
}

function chartsOf(report: RunReport): Chart[] {
  const { latency, series, options, observed } = report
  const { response, service, ownLag } = latency
  const measured = series.filter(({ phase }) => phase === 'measured')
  const intervals = measured.map(({ fromMs, lengthMs, histogram }) => {
    return { fromS: fromMs / 1000, toS: (fromMs + lengthMs) / 1000, histogram }
  })
  const curves = [
    { label: 'response', latency: response, color: 1, style: 'line' } as const,
    ...(service === null ? [] : [{ label: 'uncorrected', latency: service, color: 2, style: 'line' } as const]),
    ...(ownLag === null ? [] : [{ label: 'own lag', latency: ownLag, color: 5, style: 'dash' } as const]),
  ]
  return [
    percentileChart(
      'Latency by percentile',
      'Both axes are logarithmic: each step to the right is ten times rarer.',
      curves,
    ),
    heatChart(
      'Response times over time',
      'Each column is an interval; the stronger the colour, the more answers.',
      intervals,
    ),
    ...(measured.length > 1
      ? [latencyOverTime(measured), throughputOverTime(measured, options.open !== null), connectionsOverTime(measured)]
      : []),
    ...(observed.samples.length > 1 ? [sidesOverTime(observed)] : []),
  ]
}

type Points = RunReport['series']

function timeAxis(points: Points): LinesChart['x'] {
  const values = points.map(({ fromMs, lengthMs }) => (fromMs + lengthMs) / 1000)
  return { name: 'at', scale: 'linear', unit: 'seconds', values }
}

function latencyOverTime(points: Points): LinesChart {
  return {
    kind: 'lines',
    title: 'Percentiles over time',
    note: 'Of the answers of each interval.',
    isWide: false,
    x: timeAxis(points),
    y: { scale: 'log', unit: 'us' },
    series: [
      { label: 'max', values: points.map(({ maxUs }) => maxUs), color: 5, style: 'dash' },
      { label: 'p99.9', values: points.map(({ p999Us }) => p999Us), color: 2, style: 'line' },
      { label: 'p99', values: points.map(({ p99Us }) => p99Us), color: 4, style: 'line' },
      { label: 'p50', values: points.map(({ p50Us }) => p50Us), color: 1, style: 'line' },
    ],
  }
}

function throughputOverTime(points: Points, isOpen: boolean): LinesChart {
  const due = points.map(({ duePerSecond }) => duePerSecond)
  return {
    kind: 'lines',
    title: 'Throughput over time',
    note: isOpen ? 'Where answers fall behind what was due, the server did not keep up.' : 'Answers read.',
    isWide: false,
    x: timeAxis(points),
    y: { scale: 'linear', unit: 'rate' },
    series: [
      { label: 'answered', values: points.map(({ messagesPerSecond }) => messagesPerSecond), color: 1, style: 'area' },
      ...(isOpen ? [{ label: 'due', values: due, color: 2, style: 'dash' } as const] : []),
    ],
  }
}

function connectionsOverTime(points: Points): LinesChart {
  const errors = points.map((point) => point.errors)
  return {
    kind: 'lines',
    title: 'Connections and errors over time',
    note: 'Connections of the load that are up; errors of each interval.',
    isWide: false,
    x: timeAxis(points),
    y: { scale: 'linear', unit: 'count' },
    series: [
      { label: 'connections', values: points.map(({ connections }) => connections), color: 1, style: 'area' },
      { label: 'errors', values: errors, color: 2, style: 'line' },
    ],
  }
}

function sidesOverTime({ samples, server }: RunReport['observed']): LinesChart {
  const values = samples.map(({ atMs }) => atMs / 1000)
  const cores = samples.map(({ serverCores }) => serverCores)
  return {
    kind: 'lines',
    title: 'Processor time of both sides',
    note: 'Cores in use; a generator that spins for exact moments uses one for it.',
    isWide: false,
    x: { name: 'at', scale: 'linear', unit: 'seconds', values },
    y: { scale: 'linear', unit: 'cores', include: [1] },
    series: [
      ...(server === null ? [] : [{ label: 'server', values: cores, color: 1, style: 'line' } as const]),
      { label: 'generator', values: samples.map(({ generatorCores }) => generatorCores), color: 2, style: 'line' },
    ],
  }
}

function latencyTable({ latency }: RunReport): Table {
  const { response, service, sendLag, ownLag, connect } = latency
  const columns = [
    ['response', response],
    ['uncorrected', service],
    ['send lag', sendLag],
    ['own lag', ownLag],
    ['connect', connect],
  ] as const
  const shown = columns.filter(([, one]) => one !== null && one.samples > 0)
  const rows = LATENCY_ROWS.map(([name, of]) => [name, ...shown.map(([, one]) => (one === null ? '' : inUs(of(one))))])
  const samples = ['samples', ...shown.map(([, one]) => inGroups(one?.samples ?? 0))]
  return {
    kind: 'table',
    title: 'Latencies',
    note: '',
    isWide: false,
    head: ['', ...shown.map(([name]) => name)],
    rows: [...rows, samples],
  }
}

function classesTable({ classes }: RunReport): Table[] {
  if (classes.length === 0) return []
  const rows = classes.map(({ name, response: { samples, p50Us, p99Us, p999Us, maxUs } }) => {
    return [name, inGroups(samples), ...[p50Us, p99Us, p999Us, maxUs].map(inUs)]
  })
  const head = ['route', 'answers', 'p50', 'p99', 'p99.9', 'max']
  return [{ kind: 'table', title: 'Response times by route', note: '', isWide: false, head, rows }]
}
