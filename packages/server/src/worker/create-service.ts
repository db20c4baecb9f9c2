/**
 * Owns making of a service what this worker runs: its tasks on the pool, its middleware, and the watch over lent views.
 * Must not know: where the service comes from, connections.
 */
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { createPool } from '../offload/create-pool.ts'
import type { OffloadPool } from '../offload/offload-pool.ts'
import { offloadRoutes } from '../offload/offload-routes.ts'
import { TaskCaller } from '../offload/task-caller.ts'
import { compileService, type RunnableService } from '../service/compile.ts'
import { KeptViews } from '../service/kept-views.ts'
import { watchViews } from '../service/lent-views.ts'
import type { Service } from '../service/service.ts'
import { loadCollector } from './collector.ts'
import { createViewReport } from './failure-report.ts'

export interface ServiceParts {
  readonly config: Config
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  readonly log: Logger
}

export interface CreatedService {
  readonly service: RunnableService
  /** Without threads until the first task comes. */
  readonly pool: OffloadPool
  /** What handlers ask for tasks. */
  readonly caller: TaskCaller
}

/** @throws Error that lists the tasks that no thread could find */
export async function createService(service: Service, parts: ServiceParts): Promise<CreatedService> {
  const { config, clock } = parts
  const pool = createPool(parts)
  const caller = new TaskCaller({ pool, clock })
  const compiled = compileService(await offloadRoutes(service, caller))
  return { service: config.debugViews ? debugged(compiled, parts) : compiled, pool, caller }
}

/** The service with SHARDWIRE_DEBUG_VIEWS. */
function debugged(service: RunnableService, { clock, log }: ServiceParts): RunnableService {
  const report = createViewReport(log, clock)
  return watchViews(service, new KeptViews(clock, loadCollector(), report), report)
}
