/**
 * Owns how what a handler returned becomes an answer where no frames are spoken.
 * Must not know: when a handler runs, what any codec does.
 * Invariant: it stands in for the answers of frames in the dispatch of codecs alone, so that those pay nothing for it.
 */
import { KIND_REQUEST } from '@shardwire/protocol'
import { OUTCOME_OK, type RouteBook } from '../../metrics/route-stats.ts'
import type { RunnableRoute } from '../../service/compile.ts'
import type { RequestContext } from '../../service/request-context.ts'
import { Answers, type ReportFailure, STALE_ANSWER } from '../answers.ts'
import type { Closing } from '../closing.ts'
import type { Connection } from '../connection.ts'
import type { Outbound } from '../outbound.ts'
import type { CodecAnswers } from './codec-answers.ts'

export class CodecHandlerAnswers extends Answers {
  readonly #codecs: CodecAnswers
  readonly #routes: RouteBook

  constructor(outbound: Outbound, closing: Closing, codecs: CodecAnswers, report: ReportFailure, routes: RouteBook) {
    super(outbound, closing, report, routes)
    this.#codecs = codecs
    this.#routes = routes
  }

  override result(
    connection: Connection,
    kind: number,
    id: number,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    value: unknown,
  ): void {
    const { codec } = connection.listener
    if (codec === null) return super.result(connection, kind, id, route, context, value)
    try {
      if (context.isStale(value)) throw new Error(STALE_ANSWER)
      this.#codecs.answer(connection, codec, id, route, context, value)
      this.#routes.of(route.number).ended(kind === KIND_REQUEST, OUTCOME_OK)
    } catch (cause) {
      const error = new Error(`the answer of ${route.name} cannot be sent`, { cause })
      this.failure(connection, kind, id, route, error)
    }
  }
}
