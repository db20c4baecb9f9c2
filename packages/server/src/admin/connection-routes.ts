/**
 * Owns what can be asked of connections, and ending one: pages merged from what workers found, never a list of all.
 * Must not know: sockets, how workers find it.
 * Invariant: a page has at most PAGE_ROWS_MAX rows, and a worker is asked for no more than those.
 */
import type { Logger } from '../log.ts'
import type { AskedWorker, Inquiries } from './inquiries.ts'
import { closedTest } from './inspect/filters.ts'
import { compareCursors } from './inspect/selection.ts'
import type { ClosedRow } from './inspect/rows.ts'
import { BadQuery, closedQuery, connectionQuery, cursorText } from './query.ts'
import { json, problem, type Reply } from './reply.ts'
import type { AdminRequest, AdminRoute } from './router.ts'
import { TooManyInquiries } from './inquiries.ts'

export interface ConnectionRoutesParts {
  readonly inquiries: Inquiries
  readonly log: Logger
  /** Connections that ended last in workers that are gone, newest first. */
  readonly remembered: () => readonly ClosedRow[]
}

const GONE = 'there is no such connection: it may have ended, /api/closed has those that did'

export function connectionRoutes(parts: ConnectionRoutesParts): readonly AdminRoute[] {
  const answer = (handle: (request: AdminRequest) => Promise<Reply>) => (request: AdminRequest) =>
    guarded(handle, request)
  return [
    {
      method: 'GET',
      path: '/api/connections',
      need: 'read',
      handle: answer(({ query }) => page(parts, query)),
    },
    {
      method: 'GET',
      path: '/api/connections/:id',
      need: 'read',
      handle: answer(({ parameters }) => details(parts, parameters['id'] ?? '')),
    },
    {
      method: 'DELETE',
      path: '/api/connections/:id',
      need: 'act',
      handle: answer((request) => close(parts, request)),
    },
    { method: 'GET', path: '/api/closed', need: 'read', handle: answer(({ query }) => closed(parts, query)) },
  ]
}

async function page({ inquiries }: ConnectionRoutesParts, parameters: URLSearchParams): Promise<Reply> {
  const query = connectionQuery(parameters)
  const { worker } = query.filter
  const asked = inquiries.workers.filter(({ slot }) => worker === undefined || slot === worker)
  const { findings, missing } = await inquiries.ask<'connections'>({ about: 'connections', query }, asked)
  const rows = findings.flatMap((found) => found.rows).toSorted((a, b) => compareCursors(a, b, query.ascending))
  const shown = rows.slice(0, query.limit)
  const last = shown.at(-1)
  const sum = (of: 'matched' | 'total'): number => findings.reduce((all, found) => all + found[of], 0)
  const matched = sum('matched')
  return json({
    connections: shown.flatMap(({ row }) => row ?? []),
    matched,
    total: sum('total'),
    next: last === undefined || shown.length < query.limit || matched <= shown.length ? null : cursorText(last),
    missing,
  })
}

async function details({ inquiries }: ConnectionRoutesParts, id: string): Promise<Reply> {
  const owner = ownerOf(inquiries, id)
  if (owner === undefined) return problem(404, GONE)
  const inquiry = { about: 'connection', sequence: owner.sequence } as const
  const { findings, missing } = await inquiries.ask<'connection'>(inquiry, [owner.worker])
  if (missing.length > 0) return problem(503, `worker ${owner.worker.slot} does not answer`)
  const [found] = findings
  return found === undefined || found === null ? problem(404, GONE) : json(found)
}

async function close({ inquiries, log }: ConnectionRoutesParts, request: AdminRequest): Promise<Reply> {
  const { parameters, query, peer } = request
  const { id = '' } = parameters
  const isReset = query.get('reset') === 'true'
  const owner = ownerOf(inquiries, id)
  if (owner === undefined) return problem(404, GONE)
  const inquiry = { about: 'close', sequence: owner.sequence, isReset } as const
  const { findings, missing } = await inquiries.ask<'close'>(inquiry, [owner.worker])
  if (missing.length > 0) return problem(503, `worker ${owner.worker.slot} does not answer`)
  if (findings[0] !== true) return problem(404, GONE)
  log.info(
    { event: 'admin-action', action: 'close', connection: id, isReset, by: peer },
    'the operator closes a connection',
  )
  return json({ closing: id, reset: isReset })
}

async function closed({ inquiries, remembered }: ConnectionRoutesParts, parameters: URLSearchParams): Promise<Reply> {
  const query = closedQuery(parameters)
  const { findings, missing } = await inquiries.ask<'closed'>({ about: 'closed', query })
  const rows = [...findings.flat(), ...remembered().filter(closedTest(query))]
  return json({ closed: rows.toSorted((a, b) => b.closedAt - a.closedAt).slice(0, query.limit), missing })
}

/** An id is its worker's epoch, and the number there in base 36. */
function ownerOf(inquiries: Inquiries, id: string): { worker: AskedWorker; sequence: number } | undefined {
  const [, epoch, digits = ''] = /^(.+)-([0-9a-z]{1,10})$/.exec(id) ?? []
  const worker = inquiries.workers.find((one) => one.epoch === epoch)
  return worker === undefined ? undefined : { worker, sequence: Number.parseInt(digits, 36) }
}

async function guarded(handle: (request: AdminRequest) => Promise<Reply>, request: AdminRequest): Promise<Reply> {
  try {
    return await handle(request)
  } catch (error) {
    if (error instanceof BadQuery) return problem(400, error.message)
    if (error instanceof TooManyInquiries) return problem(503, `${error.message}; ask again`, { 'retry-after': '1' })
    throw error
  }
}
