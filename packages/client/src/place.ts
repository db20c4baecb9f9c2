/**
 * Owns nothing: where a request goes, and how it is put there.
 */
import type { MetadataFields } from '@shardwire/protocol'
import type { Endpoint } from './balance/endpoint.ts'
import type { Connection } from './connection-api.ts'
import type { Entry } from './pool/item-set.ts'
import type { Receiver } from './receiver.ts'
import type { Route } from './request-options.ts'

/** A connection, and the address that it belongs to. */
export interface Place {
  readonly endpoint: Endpoint
  readonly entry: Entry<Connection>
  /** What the breaker let the request through with. */
  readonly pass: number
}

/**
 * How a connection is asked. May throw instead of telling the receiver.
 * @returns the clock, not older than this turn of the loop, where it is known
 */
export type Ask<Body, Answer> = (
  connection: Connection,
  receiver: Receiver<Answer>,
  route: Route,
  body: Body,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  meta: MetadataFields | undefined,
) => number | undefined
