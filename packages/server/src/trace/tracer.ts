/**
 * Owns what the daemon asks of whoever traces: spans with a beginning, an end and a fault.
 * Must not know: OpenTelemetry, requests, how spans leave the process.
 * Invariant: a span that was ended takes nothing more.
 */

/** Who is served by what a span is about: a caller who waits, one who does not, or ourselves. */
export type SpanKind = 'server' | 'consumer' | 'internal'

export interface SpanStart {
  readonly name: string
  readonly kind: SpanKind
  /** W3C traceparent of the span that this one is a part of; undefined where it is the first of its trace. */
  readonly parent: string | undefined
  /** Asked for only where the span is recorded. */
  readonly attributes: () => Readonly<Record<string, string | number | boolean>>
}

export interface Span {
  /** W3C traceparent for whoever is called within it. */
  readonly traceparent: string
  /** Runs `work` as a part of it: spans that the service's own code begins are below this one. */
  within<Result>(work: () => Result): Result
  /** It has failed. @param type an error's name @param isFault whether whoever serves is to blame, not who asked */
  fail(type: string, isFault: boolean, error?: unknown): void
  end(): void
}

export interface Tracer {
  begin(start: SpanStart): Span
}

/** A tracer, and what becomes of its spans. */
export interface Tracing {
  readonly tracer: Tracer
  /** Exports what is left; settles after `limitMs` at the latest, and never rejects. */
  stop(limitMs: number): Promise<void>
}
