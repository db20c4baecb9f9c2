/**
 * Owns what runs around a handler: middleware in order, each with a `next` of its own.
 * Must not know: what a middleware does, frames.
 * Invariant: what is sync stays sync: no promise is made here. `next` runs the rest once, and never for a request that
 * is somebody else's by then.
 */
import { isPromise } from './promise.ts'
import type { Request } from './request.ts'

/**
 * Runs around every handler of a service or of a route. It returns the answer, as a handler does: `return next()`, or
 * what it makes of that, which is a promise only where something behind it is asynchronous.
 */
export type Middleware = (request: Request, next: Next) => unknown

/** Runs what comes behind. @returns its answer, or a promise of it; throws what it throws */
export type Next = () => unknown

/** What runs for a request: a handler with everything around it. */
export type Run<Served extends Request> = (request: Served) => unknown

/** The same with a middleware around it. */
export function around<Served extends Request>(middleware: Middleware, inner: Run<Served>): Run<Served> {
  return (request) => {
    let isOpen = true
    const result = middleware(request, () => {
      if (!isOpen)
        throw new Error(`route ${request.route}: next() was called twice, or after its middleware had returned`)
      isOpen = false
      return inner(request)
    })
    if (!isPromise(result)) isOpen = false
    return result
  }
}
