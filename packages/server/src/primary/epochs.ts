/**
 * Owns the names for the lives of workers.
 * Must not know: workers.
 * Invariant: no two lives share one, also over restarts of the daemon; each is short enough for every connection's id.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '@shardwire/protocol'

/** @returns the next name */
export function createEpochs(clock: Clock): () => string {
  const boot = clock.wallMs().toString(36) + randomBytes(2).toString('hex')
  let life = 0
  return () => `${boot}-${(life++).toString(36)}`
}
