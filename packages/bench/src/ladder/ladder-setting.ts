/**
 * Owns what stands still while a ladder is climbed.
 * Must not know: steps.
 * Invariant: the server's processes were looked for before the first connection: later it would take seconds.
 */
import type { Clock } from '@shardwire/protocol'

import type { Holders } from '../fleet/holders.ts'

export interface LadderSetting {
  readonly clock: Clock
  /** Addresses of the target after name resolution. */
  readonly hosts: readonly string[]
  readonly port: number
  readonly serverPids: readonly number[]
  readonly holders: Holders
  /** Address that the probe connects from; null leaves it to the system. */
  readonly probeSource: string | null
}
