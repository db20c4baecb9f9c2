/**
 * Owns the admin server of a daemon: what can be asked there, and whether it is there at all.
 * Must not know: HTTP, how figures come about.
 * Invariant: an address that was asked for and cannot be bound ends the start; the default one may be another
 * daemon's, and then this one serves without, and says so.
 */
import type { Clock } from '@shardwire/protocol'
import { adminText } from '../config/admin-address.ts'
import { formatHostAndPort } from '../config/host.ts'
import type { Config, Sources } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { collectFigures, type FigureSources } from '../metrics/daemon-figures.ts'
import { EXPOSITION_TYPE } from '../metrics/exposition.ts'
import { type KernelFigures } from '../metrics/kernel.ts'
import { renderMetrics } from '../metrics/render.ts'
import { StartError } from '../primary/entrance.ts'
import { explainPortError } from '../primary/listen-error.ts'
import { createLimit } from '../worker/report-limit.ts'
import { HTTP_LIMITS, HttpServer } from './http-server.ts'
import { json, text } from './reply.ts'
import type { AdminRoute } from './router.ts'

export interface AdminParts {
  readonly clock: Clock
  readonly log: Logger
  readonly config: Config
  readonly sources: Sources
  readonly figures: FigureSources
  readonly kernel: () => KernelFigures
}

/** An admin server that listens. */
export interface Admin {
  /** `http://host:port` */
  readonly address: string
  close(): void
}

/** @returns undefined where there is none @throws StartError */
export async function openAdmin(parts: AdminParts): Promise<Admin | undefined> {
  const { config, sources, log } = parts
  const { admin } = config
  if (admin === 'off') return undefined
  const server = createServer(parts)
  try {
    const { address: host, port } = await server.listen(admin)
    const address = `http://${formatHostAndPort({ host, port })}`
    log.debug({ event: 'admin-listening', address }, 'the admin server listens')
    return { address, close: () => server.close() }
  } catch (error) {
    const why = explainPortError({ ...admin, address: adminText(admin), option: 'SHARDWIRE_ADMIN' }, error)
    if (sources.admin !== 'default') throw new StartError(why)
    const advice = 'Metrics, health and the shell commands are not there; set SHARDWIRE_ADMIN to have them'
    log.warn({ event: 'admin-unavailable', class: 'system' }, `${why} The daemon serves all the same. ${advice}`)
    return undefined
  }
}

function createServer(parts: AdminParts): HttpServer {
  const { clock, log, figures } = parts
  const isDue = createLimit(clock, (path: string, suppressed) => {
    log.warn({ event: 'admin-denied', path, suppressed }, `${suppressed} more admin requests were denied`)
  })
  return new HttpServer({
    clock,
    log,
    settings: figures.config,
    limits: HTTP_LIMITS,
    routes: routesOf(parts),
    onDenied: (peer, status, path) => {
      if (isDue(path)) log.warn({ event: 'admin-denied', path, status, peer }, 'an admin request was denied')
    },
  })
}

function routesOf({ figures, kernel }: AdminParts): readonly AdminRoute[] {
  const { readiness } = figures
  return [
    { method: 'GET', path: '/livez', need: 'health', handle: () => text('ok\n') },
    {
      method: 'GET',
      path: '/readyz',
      need: 'health',
      handle: () => json({ ready: readiness.isReady, reasons: readiness.reasons }, readiness.isReady ? 200 : 503),
    },
    {
      method: 'GET',
      path: '/metrics',
      need: 'read',
      handle: () => text(renderMetrics(collectFigures(figures), kernel()), EXPOSITION_TYPE),
    },
  ]
}
