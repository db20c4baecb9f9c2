/**
 * Owns the debugging of a service: each handler is lent a private copy of its body, which is taken back at its end.
 * Must not know: connections, where reports go.
 * Invariant: without debugging none of this is in the way of a frame. A sync handler's loan ends when its answer has
 * been encoded: at the next call, or in the tick that was queued before the handler ran, and so before all that the
 * handler may have queued.
 */
import type { KeptViews, ReportView } from './kept-views.ts'
import { type Complaints, LentRequest } from './lent-request.ts'
import { isPromise } from './promise.ts'
import type { RunnableRoute, RunnableService } from './compile.ts'
import type { Run } from './middleware.ts'
import type { ServedRequest } from './request.ts'
import type { Complain } from './stale.ts'

/** What is thrown at whoever uses what was lent to a handler after its end. */
export class StaleViewError extends Error {
  override readonly name = 'StaleViewError'
}

/** The same service, with its handlers watched. */
export function watchViews(service: RunnableService, keptViews: KeptViews, report: ReportView): RunnableService {
  const lender = new Lender(keptViews, report)
  const routes = service.routes.map((route) => ({ ...route, run: lender.watched(route) }))
  return { ...service, routes }
}

class Lender {
  readonly #keptViews: KeptViews
  readonly #report: ReportView
  /** The handler that has returned, but whose answer may not be encoded yet. */
  #last: LentRequest | undefined
  #tickQueued = false

  constructor(keptViews: KeptViews, report: ReportView) {
    this.#keptViews = keptViews
    this.#report = report
  }

  watched({ name, body, run }: RunnableRoute): Run<ServedRequest> {
    const isBytes = body === 'bytes'
    const complaints = this.#complaints(name)
    return (request) => {
      this.#begin()
      const lent = new LentRequest(request, isBytes, complaints)
      this.#last = lent
      const result = run(lent)
      const fault = LentRequest.fault(lent, result)
      if (fault !== undefined) throw this.#reported(name, new Error(`route ${name}: ${fault}`))
      if (isPromise(result)) this.#runsOn(name, lent, result)
      return result
    }
  }

  #begin(): void {
    this.#endLast()
    if (this.#tickQueued) return
    this.#tickQueued = true
    process.nextTick(() => {
      this.#tickQueued = false
      this.#endLast()
    })
  }

  #endLast(): void {
    const last = this.#last
    if (last === undefined) return
    this.#last = undefined
    const { route } = last
    this.#keptViews.watch(route, LentRequest.end(last))
  }

  #runsOn(route: string, lent: LentRequest, result: unknown): void {
    this.#last = undefined
    const memory = LentRequest.runsOn(lent)
    if (memory === undefined || !(result instanceof Promise)) return
    // While it runs, its variables keep the view, and that is no fault.
    const watch = (): void => this.#keptViews.watch(route, memory)
    result.then(watch, watch)
  }

  #complaints(route: string): Complaints {
    const complaint =
      (what: string, when: string, advice: string): Complain =>
      (use, below) => {
        // Nobody writes it: it is what a promise asks of what it is to become.
        const misuse = use === '.then' ? `${what} was returned, or awaited,` : `${use} of ${what} was used`
        const error = new StaleViewError(`route ${route}: ${misuse} after ${when}; ${advice}`)
        Error.captureStackTrace(error, below)
        return this.#reported(route, error)
      }
    return {
      view: complaint(
        'a view of the body',
        'the handler had returned or reached its first await',
        'take request.keep() for what outlives the handler, or after an await ask request.bytes again',
      ),
      request: complaint(
        'the request',
        'the handler had returned',
        'take what you need of it before, and request.keep() for its bytes',
      ),
    }
  }

  #reported<T extends Error>(route: string, error: T): T {
    this.#report(route, error.message, error)
    return error
  }
}
