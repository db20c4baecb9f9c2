/**
 * Owns what a worker tells of itself, and how it adds up over the lives of a slot's workers.
 * Must not know: processes, channels.
 * Invariant: all of it is plain data. What was counted stays counted when its worker is gone, once; what was only so
 * while it lived does not.
 */
import { addRefusals, createRefusals } from '../refusal.ts'
import { type Counters, createCounters, forgetLevels } from '../worker/counters.ts'
import type { MirrorRouteCounters } from '../worker/mirror/mirror-counters.ts'
import { createOffloadCounters, type OffloadCounters } from '../offload/offload-pool.ts'
import { addList, addUp } from './add-up.ts'
import { createRouteCounters, type RouteCounters } from './route-stats.ts'
import { createVitalLevels, createVitalTotals, type Vitals } from './vitals.ts'

/** What it says once a second, and when it has drained. */
export interface WorkerReport {
  readonly counters: Counters
  /** Sockets that it accepted itself and closed unserved, by reason. */
  readonly refusals: readonly number[]
  readonly vitals: Vitals
  readonly offload: OffloadCounters
  /** Those of which something was counted since its last report. */
  readonly routes: readonly RouteCounters[]
}

/** What is known of one worker, or of several together. */
export class WorkerFigures {
  readonly counters = createCounters()
  readonly refusals = createRefusals()
  readonly vitals: Vitals = { totals: createVitalTotals(), levels: createVitalLevels() }
  readonly offload = createOffloadCounters()
  /** By the name of the route: another service may give its number to another since a reload. */
  readonly routes = new Map<string, RouteCounters>()

  /** Adds what another knows. */
  add(other: WorkerKnowledge): void {
    this.addButRoutes(other)
    this.addRoutes(other)
  }

  addButRoutes({ counters, refusals, vitals, offload }: Omit<WorkerKnowledge, 'routes'>): void {
    const { routes: mirrored, ...mirror } = counters.mirror
    addUp(this.counters, { ...counters, mirror: { ...mirror, routes: [] } })
    addMirrored(this.counters.mirror.routes, mirrored)
    addRefusals(this.refusals, refusals)
    addUp(this.vitals, vitals)
    addUp(this.offload, offload)
  }

  addRoutes({ routes }: Pick<WorkerKnowledge, 'routes'>): void {
    for (const route of routes.values()) addRoute(this.routes, route)
  }

  /** Forgets what is no more when its worker is gone. */
  forgetLevels(): void {
    forgetLevels(this.counters)
    Object.assign(this.vitals.levels, createVitalLevels())
    Object.assign(this.offload, { threads: 0, waiting: 0, running: 0 })
  }
}

/** What the primary knows of one worker by its reports. */
export interface WorkerKnowledge extends Omit<WorkerReport, 'routes'> {
  readonly routes: ReadonlyMap<string, RouteCounters>
}

/** Adds a route's figures to those of the same name. */
function addRoute(sum: Map<string, RouteCounters>, route: RouteCounters): void {
  let before = sum.get(route.name)
  if (before === undefined) sum.set(route.name, (before = createRouteCounters(route.number, route.name)))
  addList(before.requests, route.requests)
  addList(before.messages, route.messages)
  addList(before.latency.counts, route.latency.counts)
  before.latency.sum += route.latency.sum
}

function addMirrored(sum: MirrorRouteCounters[], more: readonly MirrorRouteCounters[]): void {
  for (const { route, name, ...counts } of more) {
    let before = sum.find((one) => one.route === route)
    if (before === undefined) sum.push((before = { route, name, matched: 0, differed: 0, unanswered: 0 }))
    addUp(before, counts)
  }
}
