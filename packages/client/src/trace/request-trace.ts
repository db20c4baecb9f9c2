/**
 * Owns what a connection asks of whoever traces its requests.
 * Must not know: OpenTelemetry, how a request is sent.
 */
import type { Route } from '../request-options.ts'

/** A request that is about to be sent, or a MESSAGE. */
export interface TracedCall {
  readonly route: Route
  /** `host:port`, or the path of a Unix socket. */
  readonly target: string
  /** What the caller gave in `meta`; undefined where it gave nothing. */
  readonly traceparent: string | undefined
  /** False for a MESSAGE. */
  readonly wantsAnswer: boolean
}

/** The span of one request. */
export interface RequestSpan {
  /** W3C traceparent that goes along; undefined for none. */
  readonly traceparent: string | undefined
  /** The answer is here, or `error` instead. Called once, for a MESSAGE once it is written. */
  end(error?: unknown): void
}

/**
 * Makes spans of requests, each attempt its own; `openTelemetryTrace` is one. What it throws fails the request.
 */
export interface RequestTrace {
  begin(call: TracedCall): RequestSpan
}
