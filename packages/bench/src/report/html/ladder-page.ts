/**
 * Owns the report of a ladder as a page.
 * Must not know: how a page is written.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../../options/target.ts'
import type { LadderReport, LadderStep } from '../schema/ladder.ts'
import type { Chart, ChartSeries, LinesChart } from './charts.ts'
import { percentileChart } from './charts.ts'
import { environmentFacts } from './environment-facts.ts'
import { pageOf } from './page.ts'
import type { Facts, Table, Tile } from './page.ts'
import { inBytes, inGroups, inPercent, inUs, sayUs } from './words.ts'

export function ladderPage(report: LadderReport): string {
  const { options, reached, verdict, objectives, steps, startedAt, version, environment, commandLine, bound } = report
  const asked = options.steps.at(-1) ?? 0
  const isThere = bound === null && reached >= asked
  return pageOf({
    title: `${inGroups(reached)} idle connections${isThere ? '' : ` of ${inGroups(asked)}`}`,
    lead: leadOf(report),
    verdict,
    objectives: [
      { text: `${inGroups(asked)} connections${bound === null ? '' : `: ${bound.sentence}`}`, met: isThere },
      ...objectives.map(({ text, met, metric, actual }) => {
        const was = metric === 'errors' ? inPercent(actual) : metric === 'rate' ? inGroups(actual) : inUs(actual)
        return { text: `${text}, was ${was}`, met }
      }),
    ],
    tiles: tilesOf(report),
    sections: [
      ...(steps.length > 0 ? chartsOf(report) : []),
      stepsTable(report),
      memoryTable(report),
      ...holdFacts(report),
      environmentFacts(environment, commandLine),
    ],
    foot: `shardwire-bench ${version}, ${startedAt}`,
  })
}

function leadOf({ options, holders, server, startedAt }: LadderReport): string {
  const sources = new Set(holders.map(({ source }) => source)).size
  const from = holders[0]?.source === null ? '' : ` from ${inGroups(sources)} addresses`
  const who = server === null ? '' : `, a server of ${inGroups(server.processes)} processes`
  const processes = `${inGroups(holders.length)} ${holders.length === 1 ? 'holder' : 'holders'}`
  return `${targetUrl(options.target)}: ${processes}${from}${who}, ${startedAt.slice(0, 16)}Z`
}

function tilesOf({ reached, steps, hold, lost }: LadderReport): Tile[] {
  const top = steps.at(-1)
  if (top === undefined) return []
  const { server, generator, kernel } = top.perConnection
  const whole = server === null || generator === null || kernel === null ? null : server + generator + kernel
  const p99 = hold?.probe.response.p99Us ?? top.probe.response.p99Us
  const held = hold === null ? {} : { beside: `held for ${Math.round(hold.lengthMs / 1000)} s` }
  const fastest = Math.max(...steps.map(({ connectsPerSecond }) => connectsPerSecond))
  const tile = (name: string, bytes: number | null, beside: string): Tile => {
    return { name, value: bytes === null ? 'unknown' : inBytes(bytes), beside }
  }
  return [
    { name: 'reached', value: inGroups(reached), ...held },
    { name: 'lost', value: inGroups(lost), beside: `${inGroups(top.sweep.alive)} answered at the top` },
    tile('server, each', server, 'resident, for each connection'),
    tile('kernel, each', kernel, 'for both ends together'),
    tile('all of it, each', whole, 'server, kernel and holder'),
    { name: 'probe p99', ...sayUs(p99), beside: `opened at up to ${inGroups(fastest)}/s` },
  ]
}

function chartsOf({ steps }: LadderReport): Chart[] {
  const x: LinesChart['x'] = {
    name: 'connections',
    scale: steps.length > 2 ? 'log' : 'linear',
    unit: 'count',
    values: steps.map(({ connections }) => connections),
  }
  const chart = (title: string, note: string, y: LinesChart['y'], series: readonly ChartSeries[]): LinesChart => {
    return {
      kind: 'lines',
      title,
      note,
      isWide: false,
      x,
      y,
      series: series.filter(({ values }) => values.some((one) => one !== null)),
    }
  }
  const of = (pick: (step: LadderStep) => number | null): (number | null)[] => steps.map(pick)
  return [
    chart(
      'Memory for each connection',
      'Flat is what it should be: every connection costs the same.',
      { scale: 'linear', unit: 'bytes' },
      [
        {
          label: 'kernel, both ends',
          values: of(({ perConnection }) => perConnection.kernel),
          color: 5,
          style: 'line',
        },
        { label: 'server', values: of(({ perConnection }) => perConnection.server), color: 1, style: 'line' },
        { label: 'holder', values: of(({ perConnection }) => perConnection.generator), color: 2, style: 'line' },
      ],
    ),
    chart(
      'Latency beside them',
      'Response times of the probe, on connections of its own.',
      { scale: 'log', unit: 'us' },
      [
        { label: 'max', values: of(({ probe }) => probe.response.maxUs), color: 5, style: 'dash' },
        { label: 'p99.9', values: of(({ probe }) => probe.response.p999Us), color: 2, style: 'line' },
        { label: 'p99', values: of(({ probe }) => probe.response.p99Us), color: 4, style: 'line' },
        { label: 'p50', values: of(({ probe }) => probe.response.p50Us), color: 1, style: 'line' },
      ],
    ),
    chart(
      'How fast they were opened',
      'Connections a second on the way to each step.',
      { scale: 'linear', unit: 'rate' },
      [{ label: 'opened', values: of(({ connectsPerSecond }) => connectsPerSecond), color: 1, style: 'area' }],
    ),
    chart(
      'Processor time',
      'Cores in use at each step, heartbeats and probe among it.',
      { scale: 'linear', unit: 'cores' },
      [
        { label: 'server', values: of(({ probe }) => probe.serverCores), color: 1, style: 'line' },
        { label: 'holders and probe', values: of(({ probe }) => probe.generatorCores), color: 2, style: 'line' },
      ],
    ),
    ...endsOf(steps),
  ]
}

/** The first step beside the last. */
function endsOf(steps: readonly LadderStep[]): Chart[] {
  const [first, last] = [steps[0], steps.at(-1)]
  if (first === undefined || last === undefined || first === last) return []
  return [
    percentileChart(
      'The probe with few and with many',
      'Response times by percentile, at the first step and at the top.',
      [
        { label: `${inGroups(first.connections)} connections`, latency: first.probe.response, color: 1, style: 'line' },
        { label: `${inGroups(last.connections)} connections`, latency: last.probe.response, color: 2, style: 'line' },
      ],
    ),
  ]
}

function stepsTable({ steps }: LadderReport): Table {
  const rows = steps.map((step) => {
    const { connections, connectsPerSecond, connect, sweep, perConnection, probe, lost } = step
    const bytes = [perConnection.server, perConnection.generator, perConnection.kernel]
    return [
      inGroups(connections),
      `${inGroups(connectsPerSecond)}/s`,
      inUs(connect.p99Us),
      `${inGroups(sweep.alive)} of ${inGroups(sweep.asked)}`,
      inGroups(lost),
      ...bytes.map((one) => (one === null ? '' : inBytes(one))),
      probe.serverCores === null ? '' : probe.serverCores.toFixed(2),
      inUs(probe.response.p50Us),
      inUs(probe.response.p99Us),
    ]
  })
  const head = [
    'connections',
    'opened',
    'connect p99',
    'alive',
    'lost',
    'server',
    'holder',
    'kernel',
    'cores',
    'p50',
    'p99',
  ]
  return { kind: 'table', title: 'Step by step', note: '', isWide: true, head, rows }
}

function memoryTable({ before, steps, after }: LadderReport): Table {
  const entries = [
    ['before the first', before] as const,
    ...steps.map(({ ledger }) => [inGroups(ledger.connections), ledger] as const),
    ...(after === null ? [] : [['after closing', after] as const]),
  ]
  const bytes = (value: number | null | undefined): string =>
    value === null || value === undefined ? '' : inBytes(value)
  const rows = entries.map(([name, { server, generator, kernel }]) => [
    name,
    bytes(server?.residentBytes),
    bytes(server?.proportionalBytes),
    bytes(generator.residentBytes),
    bytes(generator.heapBytes),
    bytes(kernel.connectionSlabBytes),
    bytes(kernel.availableBytes),
  ])
  const head = ['connections', 'server', 'its own part', 'holders', 'their heap', 'kernel', 'left on the machine']
  const note = 'Its own part: pages that processes share are counted in parts.'
  return { kind: 'table', title: 'Memory', note, isWide: true, head, rows }
}

function holdFacts({ hold, closeMs, lostBy }: LadderReport): Facts[] {
  const rows: (readonly [string, string])[] = []
  if (hold !== null) {
    const { lengthMs, pings, lost, sweep, probe } = hold
    rows.push(['held', `${Math.round(lengthMs / 1000)} s: ${inGroups(pings)} PINGs answered, ${inGroups(lost)} lost`])
    rows.push(['at its end', `${inGroups(sweep.alive)} of ${inGroups(sweep.asked)} answered when they were asked`])
    rows.push(['probe meanwhile', `p50 ${inUs(probe.response.p50Us)}, p99 ${inUs(probe.response.p99Us)}`])
  }
  if (closeMs !== null) rows.push(['closed in', `${(closeMs / 1000).toFixed(1)} s`])
  for (const [code, count] of Object.entries(lostBy)) rows.push([`lost by ${code}`, inGroups(count)])
  return rows.length === 0 ? [] : [{ kind: 'facts', title: 'At the top, and after', isOpen: true, rows }]
}
