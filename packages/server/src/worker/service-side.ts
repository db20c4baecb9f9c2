/**
 * Owns the parts through which a service acts on connections, and their wiring.
 * Must not know: how frames come in.
 */
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { ServiceLog } from '../log.ts'
import type { RequestScope } from '../service/request-context.ts'
import type { Closing } from './closing.ts'
import type { Connection } from './connection.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { Outbound } from './outbound.ts'
import { Pushes } from './pushes.ts'
import { ServedConnection, type ServedConnectionParts } from './served-connection.ts'

export interface ServiceSideParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: ServiceLog
  readonly outbound: Outbound
  readonly closing: Closing
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  readonly onFault: (error: unknown) => void
}

/** What requests of a worker have in common: the way to everything that a handler may ask for. */
export function createScope(parts: ServiceSideParts): RequestScope<Connection> {
  const { config, clock, log } = parts
  const { requestTimeoutMs, maxInFlight, writeBufferBytes } = config
  const exactNowMs = (): number => clock.nowMs()
  const served: ServedConnectionParts = {
    ...parts,
    pushes: new Pushes({ ...parts, writeBufferBytes }),
    listeners: config.listen.map(({ address }, index) => ({ index, address })),
    maxInFlight,
    requestTimeoutMs,
    exactNowMs,
    wallMs: () => clock.wallMs(),
  }
  return {
    connectionOf: (connection) => (connection.served ??= new ServedConnection(connection, served)),
    log,
    requestTimeoutMs,
    exactNowMs,
  }
}
