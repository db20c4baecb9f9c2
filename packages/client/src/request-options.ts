/**
 * Owns what a caller may say about one request or message.
 * Must not know: what it leads to.
 */
import type { MetadataFields } from '@shardwire/protocol'

/** A route: by its number, 1 to 4095; over JSON also by its name, or 0 for saying none. */
export type Route = number | string

export interface SendOptions {
  /** Metadata beside the body; reaches the handler. */
  readonly meta?: MetadataFields | undefined
}

export interface RequestOptions extends SendOptions {
  /** How long to wait for the answer, 1 to 2147483647 ms; also sent along as `deadlineMs`. */
  readonly timeoutMs?: number | undefined
  /** Gives up waiting, and tells the server so. */
  readonly signal?: AbortSignal | undefined
}
