/**
 * Owns what the log says of accepts that failed.
 * Must not know: why they fail.
 * Invariant: one record a second at most, however many fail.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'

const INTERVAL_MS = 1000

/** @returns to be called with an address, and libuv's negative error number */
export function createAcceptReport(clock: Clock, log: Logger): (address: string, status: number) => void {
  let lastMs = -Infinity
  return (address, status) => {
    const nowMs = clock.nowMs()
    if (nowMs - lastMs < INTERVAL_MS) return
    lastMs = nowMs
    log.error({ event: 'accept-failed', address, status }, `an accept on ${address} failed`)
  }
}
