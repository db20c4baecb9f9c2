/**
 * Owns who may connect by address: SHARDWIRE_ALLOW, SHARDWIRE_DENY, and whose PROXY header is believed.
 * Must not know: sockets, counts.
 * Invariant: what both lists name is denied. Where neither is set everybody may, and nobody need ask for an address.
 */
import type { Config } from '../config/load-config.ts'
import { AddressList } from './address.ts'

/** In SHARDWIRE_PROXY_TRUSTED: all that connect by a Unix socket, as nginx writes it. */
export const LOCAL = 'unix:'

export type AddressSettings = Pick<Config, 'allow' | 'deny' | 'proxyProtocol' | 'proxyTrusted' | 'maxConnectionsPerIp'>

export class AddressRules {
  readonly #allow: AddressList | undefined
  readonly #deny: AddressList | undefined
  readonly #trusted: AddressList | undefined
  /** Whether who connects by a Unix socket is a proxy. */
  readonly trustsLocal: boolean
  /** Whether anything goes by the address of a client. */
  readonly concernsClients: boolean
  /** Whether an accepted socket has to be asked for its address. */
  readonly concernsPeers: boolean

  constructor({ allow, deny, proxyProtocol, proxyTrusted, maxConnectionsPerIp }: AddressSettings) {
    this.#allow = listOf(allow)
    this.#deny = listOf(deny)
    const trusted = proxyProtocol === 'off' ? null : proxyTrusted
    this.trustsLocal = trusted?.includes(LOCAL) === true
    this.#trusted = listOf(trusted?.filter((network) => network !== LOCAL) ?? null)
    this.concernsClients = this.#allow !== undefined || this.#deny !== undefined || maxConnectionsPerIp > 0
    this.concernsPeers = this.concernsClients || trusted !== null
  }

  /** @param address a plain one */
  isAllowed(address: string): boolean {
    if (this.#deny?.has(address) === true) return false
    return this.#allow === undefined || this.#allow.has(address)
  }

  /** Whether it is a proxy, that says in a header for whom it connects. @param address a plain one */
  isProxy(address: string): boolean {
    return this.#trusted?.has(address) === true
  }
}

function listOf(networks: readonly string[] | null): AddressList | undefined {
  return networks === null ? undefined : new AddressList(networks)
}
