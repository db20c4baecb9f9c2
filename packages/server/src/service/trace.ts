/**
 * Owns reading a W3C traceparent.
 * Must not know: who traces.
 */

/** What a caller said of the trace that its request belongs to. */
export interface TraceContext {
  /** The header as it came: for whoever is called next. */
  readonly traceparent: string
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** Span of the caller: 16 hexadecimal digits. */
  readonly parentId: string
  /** Whether the caller records this trace. */
  readonly isSampled: boolean
}

const SAMPLED = 1
const HEX = 16

/** @param traceparent valid by its syntax */
export function parseTrace(traceparent: string): TraceContext {
  const [, traceId = '', parentId = '', flags = ''] = traceparent.split('-')
  return { traceparent, traceId, parentId, isSampled: (Number.parseInt(flags, HEX) & SAMPLED) !== 0 }
}
