/**
 * Owns making of a service what a worker runs: for each route one function, with everything that runs around it.
 * Must not know: connections, frames.
 * Invariant: a route without schema and middleware is run by its handler itself. It is the daemon's own copy of this
 * package that does it, whichever the service's module was defined with.
 */
import type { AnswerKind, BodyKind } from '@shardwire/protocol'
import type { ServiceHooks } from './hooks.ts'
import { around, type Run } from './middleware.ts'
import type { ServedRequest } from './request.ts'
import { checkingAnswer, checkingBody } from './schema-check.ts'
import type { Route, Service } from './service.ts'

/** A route as a worker runs it. */
export interface RunnableRoute {
  readonly number: number
  readonly name: string
  readonly body: BodyKind
  readonly answer: AnswerKind
  readonly timeoutMs: number | undefined
  readonly maxConcurrent: number | undefined
  readonly run: Run<ServedRequest>
}

/** A service as a worker runs it. */
export interface RunnableService {
  readonly name: string
  readonly routes: readonly RunnableRoute[]
  readonly hooks: ServiceHooks
}

export function compileService({ name, routes, middleware, hooks }: Service): RunnableService {
  const compile = (route: Route): RunnableRoute => {
    const { number, name: routeName, body, answer, timeoutMs, maxConcurrent } = route
    const run = [...middleware, ...route.middleware].reduceRight((inner, one) => around(one, inner), checked(route))
    return { number, name: routeName, body, answer, timeoutMs, maxConcurrent, run }
  }
  return { name, routes: routes.map(compile), hooks }
}

/** The handler between its schemas: behind all middleware, so that who may not call learns nothing of the body. */
function checked({ handler, bodySchema, answerSchema }: Route): Run<ServedRequest> {
  // What comes in is what the options say, which is what the handler was written for.
  const anyBody: (request: never) => unknown = handler
  const run = anyBody as Run<ServedRequest>
  const answering = answerSchema === undefined ? run : checkingAnswer(answerSchema, run)
  return bodySchema === undefined ? answering : checkingBody(bodySchema, answering)
}
