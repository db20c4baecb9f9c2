/**
 * Owns what an address is made of: how it is dialled, how many connections it has, who is told what happens.
 * Must not know: what is done with it.
 */
import type { Clock } from '@shardwire/protocol'
import type { BreakerOptions } from '../breaker/breaker.ts'
import type { StatusEvent } from '../client-status.ts'
import type { Connection, ConnectionListeners } from '../connection-api.ts'
import type { Random } from '../random.ts'
import type { BackoffRange } from '../reconnect/backoff.ts'

/** One attempt to connect. @param timeoutMs at most so long; Infinity where only its own limit holds */
export type Dial = (listeners: ConnectionListeners, signal: AbortSignal, timeoutMs: number) => Promise<Connection>

/** How many connections an address has. */
export interface PoolLimits {
  readonly min: number
  readonly max: number
  readonly idleTimeoutMs: number
  readonly maxAgeMs: number
  /** With so many requests on each there is one connection more, up to `max`. */
  readonly requestsPerConnection: number
}

export interface EndpointOptions {
  /** `host:port`. */
  readonly address: string
  readonly dial: Dial
  readonly pool: PoolLimits
  readonly reconnect: BackoffRange & { readonly giveUpAfterMs: number }
  readonly breaker: Omit<BreakerOptions, 'clock' | 'onChange' | 'recent'>
  readonly clock: Clock
  readonly random: Random
}

export interface EndpointListener {
  onEvent(event: StatusEvent): void
  /** What it is, or what it can take, may have changed. */
  onChange(): void
}
