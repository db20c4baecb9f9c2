/**
 * Owns making the parts of mirroring as the configuration asks for them, and none where it does not.
 * Must not know: what they do.
 * Invariant: without SHARDWIRE_MIRROR, or with 0 percent, a worker has no part of it.
 */
import type { Config } from '../../config/load-config.ts'
import type { RunnableService } from '../../service/compile.ts'
import type { Budget } from '../budget.ts'
import type { Connection, ShardIdentity } from '../connection.ts'
import type { Counters } from '../counters.ts'
import type { DeadlineWheel } from '../deadline.ts'
import { Outbound } from '../outbound.ts'
import { ComparedOutbound } from './compared-outbound.ts'
import { Comparisons } from './comparisons.ts'
import { Mirror } from './mirror.ts'
import { type MirrorReport, SILENT_REPORT } from './mirror-report.ts'

export interface MirrorOptions {
  readonly config: Config
  readonly identity: ShardIdentity
  readonly service: RunnableService
  /** [0, 1) */
  readonly random: () => number
  readonly mirrorReport?: MirrorReport | undefined
}

/** The worker's wheel, which knows what time it is. */
export interface MirrorWheel extends DeadlineWheel {
  readonly nowMs: number
}

export interface Mirroring {
  readonly mirror: Mirror | undefined
  readonly comparisons: Comparisons | undefined
}

/** Throws when answers of a route are to be compared that the service does not have. */
export function createMirror(options: MirrorOptions, wheel: MirrorWheel, all: Counters): Mirroring {
  const { config, identity, service, random, mirrorReport: report = SILENT_REPORT } = options
  const { mirror: address, mirrorPercent: percent, requestTimeoutMs } = config
  if (address === null || percent === 0) return { mirror: undefined, comparisons: undefined }
  const counters = all.mirror
  const nowMs = (): number => wheel.nowMs
  const { compare: routes } = address
  const comparisons =
    routes.length === 0
      ? undefined
      : new Comparisons({
          service,
          routes,
          requestTimeoutMs,
          wheel,
          nowMs,
          counters,
          onDifference: (difference) => report.differs(difference),
          onFault: (error) => report.broke(error),
        })
  const frameBytesMax = Math.max(config.maxFrameBytes, ...config.listen.map(({ maxFrameBytes }) => maxFrameBytes))
  const mirror = new Mirror({
    address,
    percent,
    slot: identity.slot,
    wheel,
    nowMs,
    random,
    frameBytesMax,
    counters,
    comparisons,
    report,
  })
  return { mirror, comparisons }
}

/** The way out of a worker, which sees what is answered only where that is compared. */
export function createOutbound(
  budget: Budget,
  counters: Counters,
  onPending: (connection: Connection) => void,
  comparisons: Comparisons | undefined,
): Outbound {
  if (comparisons === undefined) return new Outbound(budget, counters, onPending)
  return new ComparedOutbound(budget, counters, onPending, comparisons)
}
