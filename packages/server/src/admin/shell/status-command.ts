/**
 * Owns `shardwire status`: the daemon at one moment, for people or as JSON.
 * Must not know: HTTP.
 * Invariant: the exit code says whether it is ready.
 */
import type { Status, WorkerStatus } from '../status.ts'
import { bytesText, countText, estimateText, spanText } from '../units.ts'
import { percentilesOf } from '../view.ts'
import { isSet, parse, textOf } from './arguments.ts'
import { AdminClient, adminTarget, EXIT_NEGATIVE } from './client.ts'
import type { ShellIo } from './io.ts'
import { tableText } from './table.ts'

const USAGE = 'shardwire status [--json] [--admin http://host:port]'
const MS_PER_S = 1000

export async function statusCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const parsed = parse(args, {}, USAGE)
  const client = new AdminClient(adminTarget(io.env, io.readFile, textOf(parsed, 'admin')), io.clock)
  const status = await client.get<Status>('/api/status')
  io.write(isSet(parsed, 'json') ? `${JSON.stringify(status)}\n` : `${statusText(status)}\n`)
  return status.ready ? 0 : EXIT_NEGATIVE
}

export function statusText(status: Status): string {
  const { version, node, pid, upMs, listeners, routes, closes, refusals, connectionsLost, reload } = status
  const upText = spanText(upMs / MS_PER_S)
  const lines = [
    `shardwire ${version}  pid ${pid}  node ${node}  up ${upText}  ${readyText(status)}`,
    '',
    tableText(
      [{ title: 'listener' }, { title: 'connections', right: true }],
      listeners.map(({ address, connections }) => [address, String(connections)]),
    ),
    '',
    workersText(status.workers),
  ]
  if (routes.length > 0) lines.push('', routesText(status))
  const ends = {
    closed: closes,
    refused: refusals,
    ...(connectionsLost > 0 && { lost: { connections: connectionsLost } }),
  }
  for (const [what, counts] of Object.entries(ends)) {
    const named = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
    if (named.length > 0) lines.push('', `${what}: ${named.join(', ')}`)
  }
  if (reload.isRunning) lines.push('', 'a reload is under way')
  else if (reload.lastOutcome !== null) lines.push('', `last reload: ${reload.lastOutcome}`)
  return lines.join('\n')
}

export function readyText({ ready, reasons }: Pick<Status, 'ready' | 'reasons'>): string {
  return ready ? 'ready' : `NOT READY: ${reasons.join('; ')}`
}

function workersText(workers: readonly WorkerStatus[]): string {
  const columns = [
    { title: 'worker' },
    { title: 'pid' },
    { title: 'state' },
    ...['connections', 'in flight', 'frames in', 'heap', 'resident', 'buffers', 'files', 'deaths'].map((title) => {
      return { title, right: true as const }
    }),
  ]
  return tableText(
    columns,
    workers.map((worker) => [
      String(worker.worker),
      worker.processes.map(({ pid }) => pid).join(',') || '-',
      worker.processes.map(({ state }) => state).join(',') || 'none',
      String(worker.connections),
      String(worker.requestsInFlight),
      countText(worker.framesIn),
      bytesText(worker.heapUsedBytes),
      bytesText(worker.residentBytes),
      bytesText(worker.bufferBytes),
      `${worker.openFiles}/${worker.openFilesMax}`,
      String(worker.exits.died),
    ]),
  )
}

function routesText({ routes, bounds }: Status): string {
  const columns = [
    { title: 'route' },
    ...['ok', 'failed', 'p50', 'p99', 'p99.9'].map((title) => ({ title, right: true as const })),
  ]
  return tableText(
    columns,
    routes.map(({ route, ok, outcomes, latency }) => {
      const all = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
      const { p50, p99, p999 } = percentilesOf(latency.counts, bounds.duration)
      return [route, countText(ok), countText(all - ok), estimateText(p50), estimateText(p99), estimateText(p999)]
    }),
  )
}
