/**
 * Owns `shardwire conns` and `kick`: connections as a table, one in detail, those that ended, and ending some.
 * Must not know: HTTP.
 * Invariant: as many rows as were asked for are fetched in pages, and shown as they come.
 */
import { KIND_NAMES } from '@shardwire/protocol'
import { PAGE_ROWS_MAX, SORT_KEYS } from '../inspect/inquiry.ts'
import type { FrameHeader } from '../inspect/frame-trail.ts'
import type { ClosedRow, ConnectionDetails, ConnectionRow } from '../inspect/rows.ts'
import { bytesText, secondsText, spanText } from '../units.ts'
import { isSet, numberOf, parse, type Parsed, textOf } from './arguments.ts'
import { AdminClient, adminTarget, EXIT_NEGATIVE, EXIT_USAGE, ShellError } from './client.ts'
import type { ShellIo } from './io.ts'
import { tableText } from './table.ts'

const CONNS_USAGE = `shardwire conns [ID] [options]

  --sort KEY           ${SORT_KEYS.join(', ')}; the most first
  --asc                the least first
  --limit N            how many (50)
  --worker N, --listener N, --address NETWORK, --state STATE, --identity TEXT, --idle-ms N, --unsent-bytes N
                       only those
  --closed             those that ended last, with --reason REASON, --class CLASS, --address NETWORK
  --json               one object a line
  --admin http://host:port`
const KICK_USAGE = 'shardwire kick ID... [--reset] [--json] [--admin http://host:port]'
const LIMIT_DEFAULT = 50
const MS_PER_S = 1000
const FILTERS = ['worker', 'listener', 'address', 'state', 'identity', 'idle-ms', 'unsent-bytes'] as const
const CLOSED_FILTERS = ['reason', 'class', 'address'] as const
const TEXT_OPTION = { type: 'string' } as const

interface Page {
  readonly connections: readonly ConnectionRow[]
  readonly matched: number
  readonly total: number
  readonly next: string | null
  readonly missing: readonly number[]
}

interface ClosedPage {
  readonly closed: readonly ClosedRow[]
  readonly missing: readonly number[]
}

export async function connsCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const texts = Object.fromEntries([...FILTERS, ...CLOSED_FILTERS, 'sort', 'limit'].map((name) => [name, TEXT_OPTION]))
  const parsed = parse(args, { ...texts, asc: { type: 'boolean' }, closed: { type: 'boolean' } }, CONNS_USAGE)
  const client = clientOf(parsed, io)
  const [id, ...more] = parsed.positionals
  if (more.length > 0) throw new ShellError(EXIT_USAGE, `one ID at a time\nUsage: ${CONNS_USAGE}`)
  if (id !== undefined) return await showOne(id, parsed, client, io)
  return isSet(parsed, 'closed') ? await showClosed(parsed, client, io) : await showMany(parsed, client, io)
}

export async function kickCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const parsed = parse(args, { reset: { type: 'boolean' } }, KICK_USAGE)
  const client = clientOf(parsed, io)
  if (parsed.positionals.length === 0) throw new ShellError(EXIT_USAGE, `which one?\nUsage: ${KICK_USAGE}`)
  let missed = 0
  for (const id of parsed.positionals) {
    const path = `/api/connections/${encodeURIComponent(id)}${isSet(parsed, 'reset') ? '?reset=true' : ''}`
    const { status, body } = await client.ask('DELETE', path, [404])
    if (status === 404) missed++
    if (isSet(parsed, 'json')) io.write(`${JSON.stringify(body)}\n`)
    else if (status === 404) io.writeError(`${id}: no such connection\n`)
    else io.write(`${id}: closing\n`)
  }
  return missed === 0 ? 0 : EXIT_NEGATIVE
}

function clientOf(parsed: Parsed, io: ShellIo): AdminClient {
  return new AdminClient(adminTarget(io.env, io.readFile, textOf(parsed, 'admin')), io.clock)
}

async function showMany(parsed: Parsed, client: AdminClient, io: ShellIo): Promise<number> {
  const limit = numberOf(parsed, 'limit', LIMIT_DEFAULT)
  const query = queryOf(parsed, [...FILTERS, 'sort'])
  if (isSet(parsed, 'asc')) query.set('order', 'asc')
  let shown = 0
  let page: Page
  do {
    query.set('limit', String(Math.min(PAGE_ROWS_MAX, limit - shown)))
    page = await client.get<Page>(`/api/connections?${query.toString()}`)
    if (isSet(parsed, 'json')) for (const row of page.connections) io.write(`${JSON.stringify(row)}\n`)
    else if (page.connections.length > 0 || shown === 0) io.write(`${connectionsText(page.connections)}\n`)
    shown += page.connections.length
    if (page.next !== null) query.set('after', page.next)
  } while (page.next !== null && shown < limit)
  if (!isSet(parsed, 'json')) io.write(`\n${shown} of ${page.matched} shown, ${page.total} connections in all\n`)
  tellMissing(page.missing, io)
  return 0
}

async function showOne(id: string, parsed: Parsed, client: AdminClient, io: ShellIo): Promise<number> {
  const { status, body } = await client.ask('GET', `/api/connections/${encodeURIComponent(id)}`, [404])
  if (isSet(parsed, 'json')) io.write(`${JSON.stringify(body)}\n`)
  else if (status === 404) io.writeError(`${id}: no such connection; shardwire conns --closed has those that ended\n`)
  else io.write(`${detailsText(body as ConnectionDetails)}\n`)
  return status === 404 ? EXIT_NEGATIVE : 0
}

async function showClosed(parsed: Parsed, client: AdminClient, io: ShellIo): Promise<number> {
  const query = queryOf(parsed, CLOSED_FILTERS)
  query.set('limit', String(Math.min(PAGE_ROWS_MAX, numberOf(parsed, 'limit', LIMIT_DEFAULT))))
  const { closed, missing } = await client.get<ClosedPage>(`/api/closed?${query.toString()}`)
  if (!isSet(parsed, 'json')) io.write(`${closedText(closed)}\n`)
  else for (const row of closed) io.write(`${JSON.stringify(row)}\n`)
  tellMissing(missing, io)
  return 0
}

/** A page without them is not all there is. */
function tellMissing(missing: readonly number[], { writeError }: ShellIo): void {
  if (missing.length > 0) writeError(`workers that did not answer: ${missing.join(', ')}\n`)
}

function queryOf(parsed: Parsed, names: readonly string[]): URLSearchParams {
  const given = names.flatMap((name) => {
    const value = textOf(parsed, name)
    return value === undefined ? [] : [[name, value]]
  })
  return new URLSearchParams(given)
}

function connectionsText(rows: readonly ConnectionRow[]): string {
  const right = (title: string): { title: string; right: true } => ({ title, right: true })
  const columns = [{ title: 'id' }, { title: 'peer' }, right('worker'), { title: 'state' }, right('age'), right('idle')]
  const figures = ['in', 'out', 'frames', 'unsent', 'in flight', 'round trip'].map(right)
  return tableText(
    [...columns, ...figures],
    rows.map((row) => [
      row.id,
      row.peer ?? '-',
      String(row.worker),
      row.hold === 'unsent' ? `${row.state}, slow` : row.state,
      spanText(row.ageMs / MS_PER_S),
      spanText(row.idleMs / MS_PER_S),
      bytesText(row.bytesIn),
      bytesText(row.bytesOut),
      String(row.framesIn),
      bytesText(row.unsentBytes),
      String(row.callsInFlight),
      row.roundTripMs === null ? '-' : secondsText(row.roundTripMs / MS_PER_S),
    ]),
  )
}

function detailsText(details: ConnectionDetails): string {
  const { lastFrames, ...facts } = details
  const rows = Object.entries(facts).map(([name, value]) => [name, value === null ? '-' : String(value)])
  const table = tableText([{ title: 'what' }, { title: 'is' }], rows)
  return `${table}\n\nlast frames, oldest first:\n${framesText(lastFrames)}`
}

function closedText(rows: readonly ClosedRow[]): string {
  const columns = ['closed', 'id', 'peer', 'reason', 'lived', 'in', 'out', 'last frame', 'detail'].map((title) => ({
    title,
  }))
  return tableText(
    columns,
    rows.map((row) => [
      new Date(row.closedAt).toISOString(),
      row.id,
      row.peer ?? '-',
      row.reason,
      spanText(row.livedMs / MS_PER_S),
      bytesText(row.bytesIn),
      bytesText(row.bytesOut),
      framesText(row.lastFrames.slice(-1)),
      row.detail ?? '',
    ]),
  )
}

function framesText(frames: readonly FrameHeader[]): string {
  return frames.map(frameText).join('\n')
}

/** A header for people: `REQUEST route 3 id 17, 120 bytes`. */
function frameText(frame: FrameHeader): string {
  if ('broken' in frame) return `no frame: ${frame.broken}`
  return `${KIND_NAMES[frame.kind] ?? frame.kind} route ${frame.route} id ${frame.id}, ${frame.bytes} bytes`
}
