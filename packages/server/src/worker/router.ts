/**
 * Owns the way from a route number to its route, and how many handlers of each run.
 * Must not know: frames.
 * Invariant: an array indexed by number, without holes that V8 would treat as a dictionary.
 */
import { ROUTE_MAX } from '@shardwire/protocol'
import type { RunnableRoute, RunnableService } from '../service/compile.ts'

export class Router {
  /** By number, 0 to 4095; undefined where the service has no such route. */
  readonly routes: readonly (RunnableRoute | undefined)[]
  /** Routes that run as many handlers as they may. */
  routesFull = 0
  /** Asynchronous handlers that run, by route. */
  readonly #running = new Uint32Array(ROUTE_MAX + 1)
  /** 1 for routes whose handler has returned a promise before. */
  readonly #asynchronous = new Uint8Array(ROUTE_MAX + 1)

  constructor(service: RunnableService) {
    const routes = Array.from<unknown, RunnableRoute | undefined>({ length: ROUTE_MAX + 1 }, () => undefined)
    for (const route of service.routes) routes[route.number] = route
    this.routes = routes
  }

  isAsynchronous(route: RunnableRoute): boolean {
    return this.#asynchronous[route.number] === 1
  }

  isFull(route: RunnableRoute): boolean {
    return this.#running[route.number] === route.maxConcurrent
  }

  /** An asynchronous handler of the route runs from now on, until `ended`. */
  began(route: RunnableRoute): void {
    this.#asynchronous[route.number] = 1
    this.#running[route.number] = this.#runningOf(route) + 1
    if (this.isFull(route)) this.routesFull++
  }

  ended(route: RunnableRoute): void {
    if (this.isFull(route)) this.routesFull--
    this.#running[route.number] = this.#runningOf(route) - 1
  }

  #runningOf({ number }: RunnableRoute): number {
    return this.#running[number] ?? 0
  }
}
