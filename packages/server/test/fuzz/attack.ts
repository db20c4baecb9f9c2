/** Owns what one attacker does: which listener it goes to, what it sends, and what must come of that. */
import type { RawClient } from '@shardwire/testkit'
import type { CloseReasonName } from '../../src/close-reason.ts'

/** Of the daemon under attack, in the order of its addresses. */
export const LISTENERS = ['', '?codec=json', '?codec=line&route=echo'] as const

export interface Attack {
  /** Index into LISTENERS. */
  readonly listener: number
  readonly stream: Uint8Array
  /** How its connection ends, if the attacker ends with FIN. */
  readonly reason: CloseReasonName
  /** Throws where what came is not what must have. */
  check(client: RawClient): void
}
