/**
 * Owns what runs around a handler: middleware in order, each with a `next` of its own.
 * Must not know: what a middleware does, frames.
 * Invariant: what is sync stays sync: no promise is made here. `next` runs the rest once, and never for a request that
 * is somebody else's by then, or nobody's any more. The whole ends no sooner than what a sync middleware left running.
 */
import { isPromise } from './promise.ts'
import type { Request, ServedRequest } from './request.ts'

/**
 * Runs around every handler of a service or of a route. It returns the answer, as a handler does: `return next()`, or
 * what it makes of that, which is a promise only where something behind it is asynchronous. One that returns nothing
 * leaves the answer as it is.
 */
export type Middleware = (request: Request, next: Next) => unknown

/**
 * Runs what comes behind. @returns its answer, or a promise of it; throws what it throws, and why the request has ended
 * where nobody waits for it any more
 */
export type Next = () => unknown

/** What runs for a request: a handler with everything around it. */
export type Run<Served extends Request> = (request: Served) => unknown

/** The same with a middleware around it. */
export function around<Served extends ServedRequest>(middleware: Middleware, inner: Run<Served>): Run<Served> {
  return (request) => {
    let isOpen = true
    let rest: unknown
    let result: unknown
    const next = (): unknown => {
      if (!isOpen)
        throw new Error(`route ${request.route}: next() was called twice, or after its middleware had returned`)
      isOpen = false
      // While it waited: whatever comes behind it would be done for nobody.
      if (request.endedBy !== undefined) throw request.endedBy
      rest = inner(request)
      return rest
    }
    try {
      result = middleware(request, next)
    } catch (error) {
      isOpen = false
      return failAtEnd(error, rest)
    }
    if (result === rest) {
      isOpen = false
      return result
    }
    const close = (): unknown => {
      isOpen = false
      return rest
    }
    return isPromise(result) ? withRest(result, close) : untilEnd(result, close())
  }
}

/**
 * What a sync middleware returned that is not what `next` gave. Where that goes on, the request is not over: it would
 * be another frame's, and what runs would have that one's body.
 */
function untilEnd(result: unknown, rest: unknown): unknown {
  if (isPromise(rest)) return Promise.resolve(rest).then((answer) => (result === undefined ? answer : result))
  return result === undefined ? rest : result
}

/** The same for one that threw: at once, unless it had begun what goes on. */
function failAtEnd(error: unknown, rest: unknown): Promise<never> {
  if (!isPromise(rest)) throw error
  const fail = (): never => {
    throw error
  }
  return Promise.resolve(rest).then(fail, fail)
}

const NOT_YET = Symbol()

/**
 * What an async middleware returned; where that is nothing, what `next` gave. What it caught stays caught.
 * @param close its `next` runs nothing any more. @returns what it gave
 */
async function withRest(result: unknown, close: () => unknown): Promise<unknown> {
  let rest: unknown
  let answer: unknown
  try {
    answer = await result
  } finally {
    rest = close()
  }
  if (answer !== undefined) return answer
  if (!isPromise(rest)) return rest
  const settled: unknown = await Promise.race([rest, Promise.resolve(NOT_YET)]).catch(() => undefined)
  return settled === NOT_YET ? await rest : settled
}
