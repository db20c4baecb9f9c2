/**
 * Owns the handlers of routes that are offloaded.
 * Must not know: threads, connections, how a task gets to one.
 * Invariant: each task was found where threads will look for it.
 */
import type { Request, ServedRequest } from '../service/request.ts'
import type { Handler } from '../service/route.ts'
import type { Route, Service } from '../service/service.ts'
import { locate, type TaskPlace } from './task.ts'
import type { TaskCaller } from './task-caller.ts'

/** The same service, its offloaded routes on the pool. @throws Error that lists every task that no thread could find */
export async function offloadRoutes(service: Service, caller: TaskCaller): Promise<Service> {
  const faults: string[] = []
  const placed = async (route: Route): Promise<Route> => {
    if (route.offload === undefined) return route
    try {
      return { ...route, handler: createHandler(route, await locate(route.offload), caller) }
    } catch (error) {
      faults.push(`route ${route.name}: ${error instanceof Error ? error.message : String(error)}`)
      return route
    }
  }
  const routes = await Promise.all(service.routes.map(placed))
  if (faults.length > 0) throw new Error(`service ${service.name}:\n  ${faults.join('\n  ')}`)
  return { ...service, routes }
}

function createHandler(route: Route, place: TaskPlace, caller: TaskCaller): Handler {
  const { answer } = route
  // What runs routes gives them what stands between a frame and its handler.
  return (request: Request): Promise<unknown> => caller.run(request as ServedRequest, place, request.body, answer)
}
