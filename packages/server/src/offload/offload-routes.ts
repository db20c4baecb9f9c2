/**
 * Owns the handlers of routes that are offloaded: a request to the pool, and what comes of it back.
 * Must not know: threads, connections.
 * Invariant: memory that a request was lent never leaves this thread: a body goes as a copy of exactly its size, made
 * while the request is surely good.
 */
import { type Clock, ShardwireError } from '@shardwire/protocol'
import type { Request } from '../service/request.ts'
import type { Handler } from '../service/route.ts'
import type { Route, Service } from '../service/service.ts'
import type { Outcome } from './messages.ts'
import type { OffloadPool, Order } from './offload-pool.ts'
import { locate, type TaskPlace } from './task.ts'

export interface OffloadOptions {
  readonly pool: OffloadPool
  readonly clock: Clock
}

/** The same service, its offloaded routes on the pool. @throws Error that lists every task that no thread could find */
export async function offloadRoutes(service: Service, options: OffloadOptions): Promise<Service> {
  const faults: string[] = []
  const placed = async (route: Route): Promise<Route> => {
    if (route.offload === undefined) return route
    try {
      return { ...route, handler: createHandler(route, await locate(route.offload), options) }
    } catch (error) {
      faults.push(`route ${route.name}: ${error instanceof Error ? error.message : String(error)}`)
      return route
    }
  }
  const routes = await Promise.all(service.routes.map(placed))
  if (faults.length > 0) throw new Error(`service ${service.name}:\n  ${faults.join('\n  ')}`)
  return { ...service, routes }
}

function createHandler(route: Route, place: TaskPlace, { pool, clock }: OffloadOptions): Handler {
  const isBytes = route.body === 'bytes'
  return (request: Request): Promise<unknown> => {
    const { metadata, signal } = request
    const deadlineAtMs = clock.nowMs() + request.deadlineMs
    const common = { ...place, route: route.name, metadata, answer: route.answer, deadlineAtMs }
    const order = (): Order => {
      if (!isBytes) return { assignment: { ...common, body: request.body }, transfer: [] }
      // A copy, and now: when a thread is free other bytes may stand there. It shares its memory with nothing.
      const body = new Uint8Array(request.bytes)
      return { assignment: { ...common, body }, transfer: [body.buffer] }
    }
    // Whoever waits has a copy besides, as any asynchronous handler does.
    const bytes = isBytes ? 2 * request.bytes.length : 0
    return answerOf(route.name, pool.run({ order, bytes, signal }))
  }
}

async function answerOf(route: string, running: Promise<Outcome>): Promise<unknown> {
  const outcome = await running
  switch (outcome.type) {
    case 'bytes':
    case 'value':
      return outcome.value
    case 'refused': {
      const { code, message, retryAfterMs, details } = outcome
      throw new ShardwireError(code, message, { retryAfterMs, details })
    }
    case 'failed':
      throw failureOf(route, outcome)
  }
}

/** As it was in the thread, for the log. */
function failureOf(route: string, { name, message, stack }: Extract<Outcome, { type: 'failed' }>): Error {
  const error = new Error(message)
  error.name = name
  error.stack = stack ?? `${name}: ${message}\n    in the task of ${route}`
  return error
}
