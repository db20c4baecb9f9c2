/**
 * Owns whether a connection is one of those that were asked for.
 * Must not know: who asked, how connections are gone over.
 * Invariant: cheap questions come first: an address costs a call of the system.
 */
import { AddressList, plainAddress } from '../../admission/address.ts'
import { CLOSE_CLASSES } from '../../close-reason.ts'
import type { Connection } from '../../worker/connection.ts'
import type { ClosedQuery, ConnectionFilter } from './inquiry.ts'
import { type ClosedRow, stateOf } from './rows.ts'

/** @param nowMs on the clock that connections have their times of */
export function connectionTest(filter: ConnectionFilter, nowMs: number): (connection: Connection) => boolean {
  const { listener, state, identity, idleMs, unsentBytes } = filter
  const isIn = addressTest(filter.address)
  return (connection) => {
    if (listener !== undefined && connection.listener.index !== listener) return false
    if (state !== undefined && stateOf(connection) !== state) return false
    if (idleMs !== undefined && nowMs - connection.lastReadMs < idleMs) return false
    if (unsentBytes !== undefined && connection.transport.unsentBytes < unsentBytes) return false
    if (identity !== undefined && !identityOf(connection).includes(identity)) return false
    if (isIn === undefined) return true
    const { remoteAddress } = connection
    return remoteAddress !== undefined && isIn(remoteAddress)
  }
}

export function closedTest(query: ClosedQuery): (row: ClosedRow) => boolean {
  const isIn = addressTest(query.address)
  return ({ reason, peer }) => {
    if (query.reason !== undefined && reason !== query.reason) return false
    if (query.class !== undefined && CLOSE_CLASSES[reason] !== query.class) return false
    return isIn === undefined || (peer !== null && isIn(addressOf(peer)))
  }
}

/** @param network or one address; undefined where any will do */
function addressTest(network: string | undefined): ((address: string) => boolean) | undefined {
  if (network === undefined) return undefined
  const list = new AddressList([network])
  return (address) => list.has(plainAddress(address))
}

function identityOf({ tls }: Connection): string {
  return tls?.spiffeId ?? tls?.subject ?? ''
}

/** Out of `address:port`. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
