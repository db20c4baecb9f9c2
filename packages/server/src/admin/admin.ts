/**
 * Owns the admin server of a daemon: whether it is there at all, and who is told when somebody was not let in.
 * Must not know: HTTP, what can be asked.
 * Invariant: an address that was asked for and cannot be bound ends the start; the default one may be another
 * daemon's, and then this one serves without, and says so.
 */
import { adminText } from '../config/admin-address.ts'
import { formatHostAndPort } from '../config/host.ts'
import { StartError } from '../primary/entrance.ts'
import { explainPortError } from '../primary/listen-error.ts'
import { createLimit } from '../worker/report-limit.ts'
import { HTTP_LIMITS, HttpServer } from './http-server.ts'
import { adminRoutes, type RoutesParts } from './routes.ts'

/** An admin server that listens. */
export interface Admin {
  /** `http://host:port` */
  readonly address: string
  close(): void
}

/** @returns undefined where there is none @throws StartError */
export async function openAdmin(parts: RoutesParts): Promise<Admin | undefined> {
  const { figures, sources, log } = parts
  const { admin } = figures.config()
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

function createServer(parts: RoutesParts): HttpServer {
  const { clock, log, figures } = parts
  const isDue = createLimit(clock, (path: string, suppressed) => {
    log.warn({ event: 'admin-denied', path, suppressed }, `${suppressed} more admin requests were denied`)
  })
  return new HttpServer({
    clock,
    log,
    settings: figures.config,
    limits: HTTP_LIMITS,
    routes: adminRoutes(parts),
    onDenied: (peer, status, path) => {
      if (isDue(path)) log.warn({ event: 'admin-denied', path, status, peer }, 'an admin request was denied')
    },
  })
}
