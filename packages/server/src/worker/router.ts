/**
 * Owns the way from a route number to its route.
 * Must not know: frames.
 * Invariant: an array indexed by number, without holes that V8 would treat as a dictionary.
 */
import { ROUTE_MAX } from '@shardwire/protocol'
import type { Route, Service } from '../service/service.ts'

export class Router {
  /** By number, 0 to 4095; undefined where the service has no such route. */
  readonly routes: readonly (Route | undefined)[]
  /** 1 for routes whose handler has returned a promise before. */
  readonly #asynchronous = new Uint8Array(ROUTE_MAX + 1)

  constructor(service: Service) {
    const routes = Array.from<unknown, Route | undefined>({ length: ROUTE_MAX + 1 }, () => undefined)
    for (const route of service.routes) routes[route.number] = route
    this.routes = routes
  }

  isAsynchronous(route: Route): boolean {
    return this.#asynchronous[route.number] === 1
  }

  markAsynchronous(route: Route): void {
    this.#asynchronous[route.number] = 1
  }
}
