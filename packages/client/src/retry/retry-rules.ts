/**
 * Owns which requests may be repeated after which error.
 * Must not know: budgets, waits, connections.
 * Invariant: what a handler may have seen is repeated only where the caller said that it does no harm twice.
 */
import { BAD_CRC, errorRow, ShardwireError } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'

/** Whether the same request may be sent once more. @param isIdempotent the caller says that twice is as good as once */
export function mayRepeat(error: unknown, isIdempotent: boolean): boolean {
  if (error instanceof ShardwireError) return error.retryable && (isIdempotent || saysItDidNotRun(error))
  if (!(error instanceof ClientError)) return false
  return error.handler === 'did not run' ? error.retryable : isIdempotent && (error.retryable || isDamage(error))
}

/** Whether an error tells that no handler ran. A code that we do not know tells nothing. */
export function saysItDidNotRun(error: unknown): boolean {
  if (error instanceof ClientError) return error.handler === 'did not run'
  return error instanceof ShardwireError && errorRow(error.code)?.handler === 'did not run'
}

/** Bytes were damaged on their way: another connection may do better. */
function isDamage({ code, cause }: ClientError): boolean {
  return code === 'PROTOCOL_VIOLATION' && cause instanceof ShardwireError && cause.code === BAD_CRC
}

/** What the server asks to wait, in milliseconds; 0 where it asks nothing. */
export function retryAfterMsOf(error: unknown): number {
  if (!(error instanceof ShardwireError || error instanceof ClientError)) return 0
  return Math.max(0, error.retryAfterMs ?? 0)
}
