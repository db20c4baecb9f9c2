/**
 * Owns letting through only requests that the service allows.
 * Must not know: who the caller is, or how that was found out.
 * Invariant: nothing but `true` lets through.
 */
import { PERMISSION_DENIED, ShardwireError } from '@shardwire/protocol'
import type { MaybePromise } from '../service/body.ts'
import type { Middleware, Next } from '../service/middleware.ts'
import type { Request } from '../service/request.ts'

/**
 * Lets requests through for which `allows` says true, at once or later; the others are PERMISSION_DENIED. One that
 * answers at once costs no promise.
 * @param allows is asked before the body is looked at; who the caller is stands in `connection.attributes`
 */
export function authorize(allows: (request: Request) => MaybePromise<boolean>): Middleware {
  return (request, next) => {
    const allowed = allows(request)
    return allowed instanceof Promise
      ? allowed.then((later) => through(later, request, next))
      : through(allowed, request, next)
  }
}

function through(allowed: boolean, { route }: Request, next: Next): unknown {
  if (allowed !== true) throw new ShardwireError(PERMISSION_DENIED, `this client may not call ${route}`)
  return next()
}
