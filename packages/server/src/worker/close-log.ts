/**
 * Owns what the operator is told of connections that ended.
 * Must not know: how they end, who counts them.
 * Invariant: at debug level each gets a record; else only those that met a limit or broke the protocol do, as many of a
 * reason as `report-limit.ts` allows, with a count of the others: a flood of bad clients is no flood of the log. What
 * is not told costs one comparison.
 */
import type { Clock } from '@shardwire/protocol'
import { CLOSE_CLASSES, CLOSE_REASONS, type CloseReasonName, closeReasonName } from '../close-reason.ts'
import type { Logger } from '../log.ts'
import type { Connection } from './connection.ts'
import { createLimit } from './report-limit.ts'

/** Whether a reason is of those that are told without debugging, by its number. */
const IS_TOLD: readonly boolean[] = CLOSE_REASONS.map((name) => {
  return CLOSE_CLASSES[name] === 'protocol' || CLOSE_CLASSES[name] === 'limit'
})

export class CloseLog {
  readonly #log: Logger
  readonly #nowMs: () => number
  readonly #tellsAll: boolean
  readonly #isDue: (reason: CloseReasonName) => boolean

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#nowMs = () => clock.nowMs()
    this.#tellsAll = log.isLevelEnabled('debug')
    this.#isDue = createLimit<CloseReasonName>(clock, (reason, suppressed) => {
      const text = `${suppressed} more connections were closed: ${reason}`
      log.info({ event: 'connections-closed', reason, class: CLOSE_CLASSES[reason], suppressed }, text)
    })
  }

  /** A connection was adopted: one that may be told of later has an address now. */
  opened(connection: Connection): void {
    if (this.#tellsAll) connection.closeNote = { peer: peerOf(connection), detail: undefined }
  }

  /** Its reason was decided. @param detail what it was told as an ERROR */
  decided(connection: Connection, detail: string | undefined): void {
    if (!this.#tellsAll && IS_TOLD[connection.closeReason] !== true) return
    if (connection.closeNote === null) connection.closeNote = { peer: peerOf(connection), detail }
    else connection.closeNote.detail = detail
  }

  /** It is gone. */
  closed(connection: Connection): void {
    if (connection.closeNote === null) return
    const reason = closeReasonName(connection.closeReason)
    if (IS_TOLD[connection.closeReason] === true && this.#isDue(reason)) {
      this.#log.info(this.#record(connection, reason), `a connection was closed: ${reason}`)
    } else if (this.#tellsAll) {
      this.#log.debug(this.#record(connection, reason), `a connection was closed: ${reason}`)
    }
  }

  #record(connection: Connection, reason: CloseReasonName): object {
    const { id, listener, closeNote, bytesIn, transport, openedAtMs } = connection
    return {
      event: 'connection-closed',
      reason,
      class: CLOSE_CLASSES[reason],
      connection: id,
      listener: listener.index,
      peer: closeNote?.peer,
      bytesIn,
      bytesOut: transport.takenBytes,
      ageMs: Math.round(this.#nowMs() - openedAtMs),
      detail: closeNote?.detail,
    }
  }
}

function peerOf({ remoteAddress, remotePort }: Connection): string | undefined {
  if (remoteAddress === undefined) return undefined
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}
