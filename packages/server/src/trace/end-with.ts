/**
 * Owns what an error says of the span that it ends.
 * Must not know: what the span is about.
 * Invariant: of who asks in a wrong way, or no longer, the span is no fault of the service; of all else it is.
 */
import { DEADLINE_EXCEEDED, HANDLER_FAILED, ShardwireError } from '@shardwire/protocol'
import type { Span } from './tracer.ts'

/** Codes for which the service is to blame, and not who asked. */
const FAULTS: ReadonlySet<number> = new Set([DEADLINE_EXCEEDED, HANDLER_FAILED])

/** Ends the span with the promise, which goes on to whoever waits for it: this listens besides. */
export function endWith(span: Span, promise: Promise<unknown>): void {
  promise.then(
    () => span.end(),
    (error: unknown) => endFailed(span, error),
  )
}

export function endFailed(span: Span, error: unknown): void {
  if (error instanceof ShardwireError) {
    span.fail(error.name, FAULTS.has(error.code))
  } else {
    span.fail(error instanceof Error ? error.name : typeof error, true, error)
  }
  span.end()
}
