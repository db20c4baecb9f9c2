/**
 * Owns spans of requests by OpenTelemetry, for who has it.
 * Must not know: requests, how they are sent.
 * Invariant: the package itself is the caller's: this one has no dependency on it, and no cost where it is not used.
 */
import { isTraceparent, ShardwireError } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { RequestSpan, RequestTrace } from './request-trace.ts'

/** What is needed of a span of `@opentelemetry/api`. */
export interface OpenTelemetrySpan {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number }
  isRecording(): boolean
  setAttribute(name: string, value: string | number): unknown
  setStatus(status: { code: number; message?: string }): unknown
  end(): void
}

/** What is needed of `@opentelemetry/api`: give the module itself. */
export interface OpenTelemetryApi<Context> {
  readonly context: { active(): Context }
  readonly trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { kind: number; attributes: Record<string, string | number> },
        context: Context,
      ): OpenTelemetrySpan
    }
    setSpanContext(
      context: Context,
      above: { traceId: string; spanId: string; traceFlags: number; isRemote: boolean },
    ): Context
    isSpanContextValid(context: { traceId: string; spanId: string; traceFlags: number }): boolean
  }
}

/** As the API numbers them, which it cannot change. */
const SPAN_KIND_CLIENT = 2
const SPAN_KIND_PRODUCER = 3
const STATUS_ERROR = 2
const SAMPLED = 1

/**
 * Spans of requests for the option `trace`, as children of the span that is active, or of `meta.traceparent` where that
 * is given. Without an SDK that has been set up nothing is traced, and what `meta` says goes along as it is.
 *
 *     import * as api from '@opentelemetry/api'
 *     const connection = await connect({ host, port, trace: openTelemetryTrace(api) })
 */
export function openTelemetryTrace<Context>(api: OpenTelemetryApi<Context>): RequestTrace {
  const tracer = api.trace.getTracer('@shardwire/client')
  return {
    begin({ route, target, traceparent, wantsAnswer }): RequestSpan {
      const active = api.context.active()
      const above = isTraceparent(traceparent) ? api.trace.setSpanContext(active, partsOf(traceparent)) : active
      const attributes = { 'rpc.system.name': 'shardwire', 'rpc.method': String(route), 'server.address': target }
      const kind = wantsAnswer ? SPAN_KIND_CLIENT : SPAN_KIND_PRODUCER
      const span = tracer.startSpan(`shardwire ${route}`, { kind, attributes }, above)
      const context = span.spanContext()
      const isTraced = api.trace.isSpanContextValid(context)
      return { traceparent: isTraced ? textOf(context) : traceparent, end: (error) => endSpan(span, error) }
    },
  }
}

function endSpan(span: OpenTelemetrySpan, error: unknown): void {
  if (error !== undefined && span.isRecording()) {
    const type = typeOf(error)
    span.setAttribute('error.type', type)
    span.setStatus({ code: STATUS_ERROR, message: type })
  }
  span.end()
}

function typeOf(error: unknown): string {
  if (error instanceof ClientError) return error.code
  if (error instanceof ShardwireError) return error.name
  return error instanceof Error ? error.name : typeof error
}

function textOf({ traceId, spanId, traceFlags }: ReturnType<OpenTelemetrySpan['spanContext']>): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`
}

/** @param traceparent valid by its syntax */
function partsOf(traceparent: string): { traceId: string; spanId: string; traceFlags: number; isRemote: boolean } {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED, isRemote: false }
}
