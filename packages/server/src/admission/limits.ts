/**
 * Owns what of a configuration makes somebody count connections, and which clients understand a refusal.
 * Must not know: who counts, and how.
 * Invariant: where no limit is set nobody asks for an address, and no message is sent for a connection that ends.
 */
import type { Config } from '../config/load-config.ts'
import { connectionsPossible } from '../descriptors.ts'
import type { NoticeForm } from '../refusal.ts'

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

/** In which form a client of this listener can read a refusal before anything else: in none within a TLS handshake. */
export function noticeForm({ scheme, codec }: Config['listen'][number]): NoticeForm {
  if (scheme === 'tls') return 'none'
  return codec === 'frame' || codec === 'json' ? codec : 'none'
}
