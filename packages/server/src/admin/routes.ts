/**
 * Owns what can be asked of a daemon by HTTP, and what it needs.
 * Must not know: HTTP itself, how figures come about.
 * Invariant: who may act is told in the log with what was done.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import { describeEffective } from '../config/format.ts'
import type { Sources } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { collectFigures, type FigureSources } from '../metrics/daemon-figures.ts'
import { EXPOSITION_TYPE } from '../metrics/exposition.ts'
import type { KernelFigures } from '../metrics/kernel.ts'
import { renderMetrics } from '../metrics/render.ts'
import { connectionRoutes } from './connection-routes.ts'
import { Events } from './events.ts'
import type { WorkerProcess } from '../primary/worker-process.ts'
import type { Profiles } from '../profile/profiles.ts'
import type { Inquiries } from './inquiries.ts'
import { pageRoutes } from './page.ts'
import { profileRoute } from './profile-route.ts'
import { json, problem, type Reply, text } from './reply.ts'
import type { AdminRequest, AdminRoute } from './router.ts'
import { type Sample, type Status, statusOf } from './status.ts'
import { Timeline } from './timeline.ts'

export interface RoutesParts {
  readonly clock: Clock
  readonly log: Logger
  readonly sources: Sources
  readonly figures: FigureSources
  readonly kernel: () => KernelFigures
  readonly inquiries: Inquiries
  readonly profiles: Profiles
  /** Calls at each second of the daemon. */
  readonly listen: (onSecond: () => void) => CancelTimer
  /** Begins to stop the daemon. @param why for the log */
  readonly drain: (why: string) => void
  /** Begins a reload. @param why for the log */
  readonly reload: (why: string) => void
}

const TALKERS_SHOWN = 10

export function adminRoutes(parts: RoutesParts): readonly AdminRoute[] {
  const { listen, log, sources, figures, kernel, inquiries, profiles } = parts
  const { readiness, totals } = figures
  // Before the events: what these tell is of the second that it has just kept.
  const timeline = new Timeline({ status: () => statusNow(parts), listen })
  const events = new Events({
    listen,
    sample: () => takeSample(parts, timeline),
    onFault: (error) => log.error({ event: 'admin-fault', class: 'system', err: error }, 'no sample could be taken'),
  })
  return [
    get('/livez', 'health', () => text('ok\n')),
    get('/readyz', 'health', () => {
      return json({ ready: readiness.isReady, reasons: readiness.reasons }, readiness.isReady ? 200 : 503)
    }),
    get('/metrics', 'read', () => text(renderMetrics(collectFigures(figures), kernel()), EXPOSITION_TYPE)),
    get('/api/status', 'read', () => json(statusNow(parts))),
    get('/api/config', 'read', () => json(describeEffective(figures.config(), sources))),
    get('/api/history', 'read', () => json({ points: timeline.points })),
    get('/api/events', 'read', () => events.open()),
    get('/api/access', 'read', () => json({ canAct: figures.config().adminToken !== null })),
    { method: 'POST', path: '/api/access', need: 'act', handle: () => json({ canAct: true }) },
    ...pageRoutes(),
    profileRoute({ profiles, log, workers: () => serving(parts) }),
    ...connectionRoutes({ inquiries, log, remembered: () => totals.remembered }),
    { method: 'POST', path: '/api/drain', need: 'act', handle: (request) => act(parts, 'drain', request) },
    { method: 'POST', path: '/api/reload', need: 'act', handle: (request) => act(parts, 'reload', request) },
  ]
}

function get(path: string, need: AdminRoute['need'], handle: AdminRoute['handle']): AdminRoute {
  return { method: 'GET', path, need, handle }
}

function act(parts: RoutesParts, action: 'drain' | 'reload', { peer }: AdminRequest): Reply {
  parts.log.info({ event: 'admin-action', action, by: peer }, `the operator asks for a ${action}`)
  if (action === 'reload' && parts.figures.readiness.isStopping) return problem(409, 'the daemon is stopping')
  parts[action](`the admin server, asked by ${peer}`)
  return json({ begun: action }, 202)
}

/** Of a slot whose worker is being replaced the new one. */
function serving({ figures }: RoutesParts): readonly WorkerProcess[] {
  return figures.workers().filter(({ ready, isLeaving }) => ready && !isLeaving)
}

function statusNow({ figures, clock }: RoutesParts): Status {
  return statusOf(collectFigures(figures), clock)
}

async function takeSample(parts: RoutesParts, timeline: Timeline): Promise<Sample> {
  const { findings, missing } = await parts.inquiries.askAnyhow<'talkers'>({ about: 'talkers' })
  const talkers = findings.flatMap((found) => found.talkers)
  const slow = findings.flatMap((found) => found.slow)
  return {
    status: timeline.status ?? statusNow(parts),
    talkers: talkers.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond).slice(0, TALKERS_SHOWN),
    slow: slow.toSorted((a, b) => b.unsentBytes - a.unsentBytes).slice(0, TALKERS_SHOWN),
    missing,
  }
}
