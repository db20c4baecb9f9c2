/**
 * Owns what an error of a request says about the server that it was asked of.
 * Must not know: breakers, retries.
 * Invariant: an error of the caller's own making, or that concerns one route or one request, says nothing.
 */
import {
  BAD_CRC,
  BAD_FRAME,
  DEADLINE_EXCEEDED,
  FRAME_TOO_LARGE,
  OVERLOADED,
  ShardwireError,
  TIMEOUT,
  TOO_MANY_CONNECTIONS,
} from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { ClientErrorCode } from '../client-error.ts'
import type { Outcome } from './breaker.ts'

/** BACKLOG_FULL is none: a burst of this client's own fills it as well as a server that does not read. */
const CLIENT_FAILURES = new Set<ClientErrorCode>(['CONNECTION_LOST', 'PROTOCOL_VIOLATION', 'BAD_ANSWER'])

/** The server broke, is too slow, or speaks no sense. */
const SERVER_FAILURES = new Set([BAD_FRAME, BAD_CRC, FRAME_TOO_LARGE, DEADLINE_EXCEEDED, TIMEOUT])
const SERVER_REFUSALS = new Set([OVERLOADED, TOO_MANY_CONNECTIONS])

/** HANDLER_FAILED is one route's; RATE_LIMITED and DRAINING are the server's good right. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof ClientError) {
    if (error.code === 'REQUEST_TIMEOUT') return 'silence'
    return CLIENT_FAILURES.has(error.code) ? 'failure' : 'void'
  }
  if (!(error instanceof ShardwireError)) return 'void'
  if (SERVER_REFUSALS.has(error.code)) return 'refused'
  // Any other answer shows a server that answers.
  return SERVER_FAILURES.has(error.code) ? 'failure' : 'success'
}
