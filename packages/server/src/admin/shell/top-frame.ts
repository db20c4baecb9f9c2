/**
 * Owns what `shardwire top` shows of one second: the daemon, its workers, routes, who talks most and who is slow.
 * Must not know: terminals, where samples come from.
 */
import type { ConnectionRow } from '../inspect/rows.ts'
import type { Sample, WorkerStatus } from '../status.ts'
import { bytesText, countText, estimateText, percentText, spanText } from '../units.ts'
import type { View, WorkerView } from '../view.ts'
import { readyText } from './status-command.ts'
import { type Column, tableText } from './table.ts'

const MS_PER_S = 1000
const ROUTES_SHOWN = 10

/** Lines, without a line break at the end. */
export function frameText({ status, talkers, slow, missing }: Sample, view: View): string {
  const { version, pid, now, upMs } = status
  const time = new Date(now).toISOString().slice(11, 19)
  const rate = (value: number): string => `${countText(value)}/s`
  const { p50, p90, p99, p999 } = view.latency
  const parts = [
    `shardwire ${version}  pid ${pid}  up ${spanText(upMs / MS_PER_S)}  ${readyText(status)}  ${time} UTC`,
    [
      `connections ${view.connections}  (+${rate(view.acceptedPerSecond)}, -${rate(view.closedPerSecond)}, ` +
        `refused ${rate(view.refusedPerSecond)})  in flight ${view.requestsInFlight}`,
      `frames in ${rate(view.framesInPerSecond)}  out ${rate(view.framesOutPerSecond)}   ` +
        `bytes in ${bytesText(view.bytesInPerSecond)}/s  out ${bytesText(view.bytesOutPerSecond)}/s`,
      `latency p50 ${estimateText(p50)}  p90 ${estimateText(p90)}  p99 ${estimateText(p99)}  ` +
        `p99.9 ${estimateText(p999)}   ` +
        `primary ${percentText(view.primaryLoop)} busy`,
    ].join('\n'),
    workersText(status.workers, view.workers),
    ...(view.routes.length > 0 ? [routesText(view)] : []),
    ...endsText(view),
    ...(talkers.length > 0 ? [talkersText(talkers)] : []),
    ...(slow.length > 0 ? [slowText(slow)] : []),
    ...(missing.length > 0 ? [`workers that did not answer: ${missing.join(', ')}`] : []),
  ]
  return parts.join('\n\n')
}

function columns(left: readonly string[], right: readonly string[]): Column[] {
  return [...left.map((title) => ({ title })), ...right.map((title) => ({ title, right: true as const }))]
}

function workersText(statuses: readonly WorkerStatus[], views: readonly WorkerView[]): string {
  const titles = [
    'conns',
    'in/s',
    'out/s',
    'in flight',
    'loop',
    'delay p99',
    'gc',
    'cpu',
    'heap',
    'resident',
    'buffers',
  ]
  return tableText(
    columns(['worker', 'pid', 'state'], [...titles, 'files']),
    statuses.map((status, index) => {
      const view = views[index]
      return [
        String(status.worker),
        status.processes.map(({ pid }) => pid).join(',') || '-',
        (status.processes.map(({ state }) => state).join(',') || 'none') + (status.overload > 0 ? ' OVERLOADED' : ''),
        String(status.connections),
        countText(view?.framesInPerSecond ?? 0),
        countText(view?.framesOutPerSecond ?? 0),
        String(status.requestsInFlight),
        percentText(view?.loop ?? 0),
        estimateText(view?.delayP99),
        percentText(view?.gc ?? 0),
        percentText(view?.cpu ?? 0),
        bytesText(status.heapUsedBytes),
        bytesText(status.residentBytes),
        bytesText(status.bufferBytes),
        String(status.openFiles),
      ]
    }),
  )
}

function routesText({ routes }: View): string {
  return tableText(
    columns(['route'], ['per s', 'failed/s', 'p50', 'p90', 'p99', 'p99.9']),
    routes
      .slice(0, ROUTES_SHOWN)
      .map(({ route, perSecond, failedPerSecond, p50, p90, p99, p999 }) => [
        route,
        countText(perSecond),
        countText(failedPerSecond),
        ...[p50, p90, p99, p999].map((value) => estimateText(value)),
      ]),
  )
}

function endsText({ closes, refusals }: View): string[] {
  const of = (what: string, rates: Readonly<Record<string, number>>): string[] => {
    const named = Object.entries(rates).map(([name, perSecond]) => `${name} ${countText(perSecond)}/s`)
    return named.length === 0 ? [] : [`${what}: ${named.join(', ')}`]
  }
  const lines = [...of('closed', closes), ...of('refused', refusals)]
  return lines.length === 0 ? [] : [lines.join('\n')]
}

function talkersText(talkers: Sample['talkers']): string {
  return tableText(
    columns(['who talks most', 'peer'], ['worker', 'bytes/s', 'in', 'out', 'age']),
    talkers.map(({ row, bytesPerSecond }) => [
      row.id,
      row.peer ?? '-',
      String(row.worker),
      bytesText(bytesPerSecond),
      bytesText(row.bytesIn),
      bytesText(row.bytesOut),
      spanText(row.ageMs / MS_PER_S),
    ]),
  )
}

function slowText(slow: readonly ConnectionRow[]): string {
  return tableText(
    columns(['who is slow', 'peer'], ['worker', 'unsent', 'held']),
    slow.map((row) => [
      row.id,
      row.peer ?? '-',
      String(row.worker),
      bytesText(row.unsentBytes),
      bytesText(row.heldBytes),
    ]),
  )
}
