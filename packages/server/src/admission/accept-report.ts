/**
 * Owns what the log says of accepts that failed.
 * Must not know: who accepts.
 * Invariant: one record a second at most, however many fail; the next one has how many went untold.
 */
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'

const INTERVAL_MS = 1000

/** What is to be done about those that an operator can do something about. */
const ADVICE: Readonly<Record<string, string>> = {
  EMFILE: 'raise the limit of open files (LimitNOFILE)',
  ENFILE: 'the machine is out of open files (fs.file-max)',
  ENOBUFS: 'the kernel is out of memory for sockets (net.ipv4.tcp_mem)',
  ENOMEM: 'the machine, or the limit of its group, is out of memory',
}

/** @returns to be called with an address, and libuv's negative error number */
export function createAcceptReport(clock: Clock, log: Logger): (address: string, status: number) => void {
  let lastMs = -Infinity
  let suppressed = 0
  return (address, status) => {
    const nowMs = clock.nowMs()
    if (nowMs - lastMs < INTERVAL_MS) {
      suppressed++
      return
    }
    const code = getSystemErrorName(status)
    const advice = ADVICE[code] ?? 'the network or the client, unless it goes on'
    const text = `an accept on ${address} failed: ${code}, ${getSystemErrorMessage(status)}; ${advice}`
    log.error({ event: 'accept-failed', class: 'transient', address, code, suppressed }, text)
    lastMs = nowMs
    suppressed = 0
  }
}
