/**
 * Owns making of a service what this worker runs: its tasks on the pool, its middleware, the watch over lent views, and
 * its spans.
 * Must not know: where the service comes from, connections.
 */
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { traceService } from '../trace/traced-service.ts'
import type { Tracer } from '../trace/tracer.ts'
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
  /** Slot of this worker. */
  readonly worker: number
  /** Undefined where nothing is traced: then nothing of it is in the way of a request. */
  readonly tracer: Tracer | undefined
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
  const { config, clock, tracer, worker } = parts
  const pool = createPool(parts)
  const caller = new TaskCaller({ pool, clock, tracer })
  const compiled = compileService(await offloadRoutes(service, caller))
  const watched = config.debugViews ? debugged(compiled, parts) : compiled
  return { service: tracer === undefined ? watched : traceService(watched, tracer, worker), pool, caller }
}

/** The service with SHARDWIRE_DEBUG_VIEWS. */
function debugged(service: RunnableService, { clock, log }: ServiceParts): RunnableService {
  const report = createViewReport(log, clock)
  return watchViews(service, new KeptViews(clock, loadCollector(), report), report)
}
