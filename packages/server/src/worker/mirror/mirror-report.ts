/**
 * Owns what the log says of mirroring: connection and loss, drops, differences.
 * Must not know: frames, sockets.
 * Invariant: whatever the target does, and however long, the records are few: one loss a minute and one connection
 * for each loss that was told, one record of drops in ten seconds, five differences a route in ten seconds and how
 * many more there were.
 */
import { type Clock, KIND_NAMES } from '@shardwire/protocol'
import { mirrorTarget, type MirrorTarget } from '../../config/mirror-address.ts'
import type { Logger } from '../../log.ts'
import { createLimit } from '../report-limit.ts'
import type { Difference } from './comparisons.ts'
import { describeMirror, type MirrorCounters } from './mirror-counters.ts'

const LOST_EVERY_MS = 60_000
const DROPS_EVERY_MS = 10_000

export interface MirrorReport {
  connected(payloadBytesMax: number): void
  /** The connection ended, or none came about. @param waitMs until the next attempt; Infinity for none */
  lost(why: string, waitMs: number): void
  /** A frame was dropped although the target is there. */
  dropped(counters: MirrorCounters): void
  differs(difference: Difference): void
  /** A fault of this server ended mirroring. */
  broke(error: unknown): void
}

/** Says nothing. */
export const SILENT_REPORT: MirrorReport = {
  connected: ignore,
  lost: ignore,
  dropped: ignore,
  differs: ignore,
  broke: ignore,
}

/** @param address null where nothing is mirrored: then there is nothing to report */
export function createMirrorReport(log: Logger, clock: Clock, address: MirrorTarget | null): MirrorReport | undefined {
  if (address === null) return undefined
  const target = mirrorTarget(address)
  let wasLost = true
  let lostSaidAtMs = -Infinity
  let lostUnsaid = 0
  let dropsSaidAtMs = -Infinity
  const isDue = createLimit(clock, (route, suppressed) => {
    const text = `${suppressed} more answers of ${target} to ${route} differed`
    log.warn({ event: 'mirror-differs', route, suppressed }, text)
  })
  return {
    connected(payloadBytesMax) {
      if (!wasLost) return
      wasLost = false
      log.info({ event: 'mirror-connected', target, maxFrameBytes: payloadBytesMax }, `mirroring to ${target}`)
    },
    lost(why, waitMs) {
      if (waitMs === Infinity) {
        log.warn({ event: 'mirror-ended', target, why }, `${target} wants no more: nothing is mirrored from now on`)
      } else if (clock.nowMs() - lostSaidAtMs < LOST_EVERY_MS) {
        lostUnsaid++
      } else {
        const retryMs = Math.round(waitMs)
        const text = `no connection to ${target}, to which frames are mirrored: ${why}`
        log.warn({ event: 'mirror-lost', target, why, retryMs, suppressed: lostUnsaid }, text)
        lostSaidAtMs = clock.nowMs()
        lostUnsaid = 0
        wasLost = true
      }
    },
    dropped(counters) {
      if (clock.nowMs() - dropsSaidAtMs < DROPS_EVERY_MS) return
      dropsSaidAtMs = clock.nowMs()
      const text = `${target} takes not all that is to be mirrored: the rest is dropped`
      log.warn({ event: 'mirror-drops', target, ...describeMirror(counters) }, text)
    },
    differs({ kind, targetKind, ...difference }) {
      if (!isDue(difference.route)) return
      const kinds = { kind: KIND_NAMES[kind], targetKind: KIND_NAMES[targetKind] }
      const text = `${target} answers ${difference.route} differently`
      log.warn({ event: 'mirror-differs', ...difference, ...kinds }, text)
    },
    broke(error) {
      const text = 'a fault of this server: nothing is mirrored from now on'
      log.error({ event: 'mirror-broke', target, err: error }, text)
    },
  }
}

function ignore(): void {
  return undefined
}
