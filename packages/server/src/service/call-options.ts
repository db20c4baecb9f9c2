/**
 * Owns what a request hands on to those that are asked in turn.
 * Must not know: requests, tasks, clients.
 */

/** Options of a client's request: what is left of the caller's own. */
export interface CallOptions {
  /** What is left of the deadline, an integer of 1 or more. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly meta: { readonly traceparent?: string | undefined }
}
