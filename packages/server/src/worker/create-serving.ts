/**
 * Owns the parts that serve what came in, and their wiring: one way for frames, one for what other codecs find.
 * Must not know: sockets, where bytes are read.
 * Invariant: both ways share routes, calls, limits and answers; what differs is where a body comes from.
 */
import type { FrameTrail } from '../admin/inspect/frame-trail.ts'
import type { RunnableService } from '../service/compile.ts'
import type { RequestScope } from '../service/request-context.ts'
import type { Admission } from './admission.ts'
import { Answers, type ReportFailure } from './answers.ts'
import { Calls, type CallsParts } from './calls.ts'
import type { CodecAnswers } from './codecs/codec-answers.ts'
import { CodecBodies } from './codecs/codec-bodies.ts'
import { CodecHandlerAnswers } from './codecs/codec-handler-answers.ts'
import { CodecPath } from './codecs/codec-path.ts'
import type { Connection } from './connection.ts'
import { ControlFrames } from './control-frames.ts'
import { Dispatch, type DispatchLimits, type DispatchParts } from './dispatch.ts'
import { createDispatch } from './service-side.ts'
import type { Mirror } from './mirror/mirror.ts'
import { Router } from './router.ts'
import type { WorkerHooks } from './worker-hooks.ts'

export interface ServingParts extends Omit<CallsParts, 'router' | 'answers'> {
  readonly service: RunnableService
  readonly hooks: WorkerHooks
  readonly admission: Admission
  /** Undefined where nothing is mirrored. */
  readonly mirror: Mirror | undefined
  readonly codecAnswers: CodecAnswers
  readonly limits: DispatchLimits
  readonly scope: RequestScope<Connection>
  readonly serverName: string
  readonly report: ReportFailure
  readonly trail: FrameTrail
  /** A PONG came. */
  readonly onPong: (connection: Connection) => void
}

export interface Serving {
  readonly dispatch: Dispatch
  readonly codecs: CodecPath
}

export function createServing(parts: ServingParts): Serving {
  const { outbound, closing, admission, mirror, counters, serverName, limits, scope, routeBook, trail } = parts
  const answers = new Answers(outbound, closing, parts.report, routeBook)
  const router = new Router(parts.service)
  const { routes } = router
  const calls = new Calls({ ...parts, router, answers })
  const control = new ControlFrames(outbound, closing, serverName, parts.onPong, mirror)
  const base = { routeBook, trail, admission, router, control, closing, outbound, counters, limits, scope }
  return {
    dispatch: createDispatch(parts.hooks, { ...base, answers, calls, mirror, routes, missingRoute }),
    codecs: createCodecs(parts, base),
  }
}

/** The same for messages that are no frames: what they share with those is in `base`. */
function createCodecs(parts: ServingParts, base: SharedParts): CodecPath {
  const { outbound, closing, codecAnswers, report, routeBook } = parts
  const { router } = base
  const answers = new CodecHandlerAnswers(outbound, closing, codecAnswers, report, routeBook)
  const bodies = new CodecBodies()
  const dispatch = new Dispatch({
    ...base,
    answers,
    calls: new Calls({ ...parts, router, answers }),
    // Nothing of it is a frame that could be mirrored.
    mirror: undefined,
    routes: bodies.routesOf(router.routes),
    missingRoute: () => bodies.missingRoute(),
  })
  return new CodecPath({ ...base, answers: codecAnswers, routes: router.routes, bodies, dispatch })
}

type SharedParts = Omit<DispatchParts, 'answers' | 'calls' | 'mirror' | 'routes' | 'missingRoute'>

function missingRoute(number: number): string {
  return `there is no route ${number}`
}
