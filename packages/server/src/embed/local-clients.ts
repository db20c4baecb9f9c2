/**
 * Owns the words that a worker has for its primary where there is none: whether a client may come in, and who has left.
 * Must not know: sockets, frames.
 * Invariant: a connection is counted from its admission until it is said to be gone.
 */
import { addressGroup, plainAddress } from '../admission/address.ts'
import { AddressRules } from '../admission/address-rules.ts'
import { AddressTable } from '../admission/address-table.ts'
import type { Config } from '../config/load-config.ts'
import { ADMITTED, type Ask, type Verdict } from '../ipc.ts'
import { Refusal } from '../refusal.ts'

export class LocalClients {
  readonly #config: Config
  readonly #rules: AddressRules
  readonly #table = new AddressTable<LocalClients>()

  constructor(config: Config) {
    this.#config = config
    this.#rules = new AddressRules(config)
  }

  answer(asks: readonly Ask[]): readonly Verdict[] {
    return asks.map(({ id, address }) => ({ id, refusal: this.#judge(id, plainAddress(address)) }))
  }

  /** Connections ended, by the number of their ask. */
  gone(ids: readonly number[]): void {
    this.#table.gone(this, ids)
  }

  #judge(id: number, address: string): number {
    const { maxConnectionsPerIp } = this.#config
    if (!this.#rules.isAllowed(address)) return Refusal.DENIED
    if (maxConnectionsPerIp === 0) return ADMITTED
    const group = addressGroup(address)
    if (this.#table.count(group) >= maxConnectionsPerIp) return Refusal.PER_ADDRESS
    if (this.#table.add(group)) this.#table.settle(this, id, group)
    return ADMITTED
  }
}
