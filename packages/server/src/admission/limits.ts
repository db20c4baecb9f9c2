/**
 * Owns what of a configuration makes somebody count connections, and which clients understand a refusal.
 * Must not know: who counts, and how.
 * Invariant: where no limit is set nobody asks for an address, and no message is sent for a connection that ends.
 */
import type { Config } from '../config/load-config.ts'
import { connectionsPossible } from '../descriptors.ts'

/**
 * Most connections there may be; Infinity where open files end first. Those are told of by every worker, and the limit
 * of them may change while the daemon runs.
 */
export function connectionsMax({ maxConnections, workers }: Config, descriptorLimit: number): number {
  return maxConnections === 0 || maxConnections >= connectionsPossible(descriptorLimit, workers)
    ? Infinity
    : maxConnections
}

/** Whether the primary has to know soon that connections ended, rather than once a second. */
export function countsEnds(config: Config, descriptorLimit: number): boolean {
  return (
    connectionsMax(config, descriptorLimit) !== Infinity ||
    config.maxConnectionsPerIp > 0 ||
    config.placement === 'least-connections'
  )
}

/** Whether a client of this listener can read an ERROR frame before anything else: not within a TLS handshake. */
export function understandsErrors({ address, codec }: Config['listen'][number]): boolean {
  return codec === 'frame' && !address.startsWith('tls:')
}
