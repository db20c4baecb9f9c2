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
import { CodecPath } from './codecs/codec-path.ts'
import type { Connection } from './connection.ts'
import { ControlFrames } from './control-frames.ts'
import { Dispatch, type DispatchLimits } from './dispatch.ts'
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
  const { outbound, closing, codecAnswers, admission, mirror, counters, serverName, limits, scope, routeBook, trail } =
    parts
  const answers = new Answers(outbound, closing, codecAnswers, parts.report, routeBook)
  const router = new Router(parts.service)
  const { routes } = router
  const calls = new Calls({ ...parts, router, answers })
  const control = new ControlFrames(outbound, closing, serverName, parts.onPong, mirror)
  const shared = { routeBook, trail, closing, outbound, counters, limits, scope }
  const base = { ...shared, admission, router, control, answers, calls }
  const bodies = new CodecBodies()
  const ofCodecs = new Dispatch({
    ...base,
    // Nothing of it is a frame that could be mirrored.
    mirror: undefined,
    routes: bodies.routesOf(routes),
    missingRoute: () => bodies.missingRoute(),
  })
  return {
    dispatch: createDispatch(parts.hooks, { ...base, mirror, routes, missingRoute }),
    codecs: new CodecPath({ ...base, answers: codecAnswers, routes, bodies, dispatch: ofCodecs }),
  }
}

function missingRoute(number: number): string {
  return `there is no route ${number}`
}
