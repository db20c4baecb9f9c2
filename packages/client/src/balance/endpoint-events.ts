/**
 * Owns the words in which an address tells of its attempts and its connections.
 * Must not know: when it is dialled, what becomes of what is told.
 */
import type { PooledConnectionStatus, StatusEvent } from '../client-status.ts'
import type { Connection } from '../connection-api.ts'
import type { Entry } from '../pool/item-set.ts'
import type { ReconnectorListener } from '../reconnect/reconnector.ts'

/** @param setError is given the error of an attempt before that is told */
export function attemptEvents(
  address: string,
  tell: (event: StatusEvent) => void,
  setError: (error: unknown) => void,
): ReconnectorListener {
  return {
    onWaiting: (attempt, delayMs, reason) => {
      tell({ type: 'waiting', address, attempt, delayMs, reason })
    },
    onConnecting: (attempt) => {
      tell({ type: 'connecting', address, attempt })
    },
    onAttemptFailed: (attempt, error) => {
      setError(error)
      tell({ type: 'attempt-failed', address, attempt, error })
    },
    onGaveUp: (attempts, afterMs, error) => {
      tell({ type: 'gave-up', address, attempts, afterMs, error })
    },
  }
}

/** What the server calls it. */
export function nameOf({ welcome }: Connection) {
  return { connection: welcome?.connection, shard: welcome?.shard }
}

/** What is told of one connection. */
export function statusOf({ item, leases, createdAtMs }: Entry<Connection>, nowMs: number): PooledConnectionStatus {
  const { status, stats } = item
  return {
    ...nameOf(item),
    status,
    inFlight: leases,
    ageMs: nowMs - createdAtMs,
    roundTripMs: stats.roundTripMs,
  }
}
