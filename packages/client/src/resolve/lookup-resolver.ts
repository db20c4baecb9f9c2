/**
 * Owns resolving by a function like `dns.lookup`: the system's own way, with all that this machine is set up for.
 * Must not know: DNS.
 * Invariant: identical lookups are joined, so that a burst of connections takes two threads of Node's four, not all.
 * A lookup cannot be ended: its answer is dropped when nobody waits any more.
 */
import { lookup as systemLookup } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { JoinedLookups } from './joined-lookups.ts'
import type { AddressFamily, Resolver } from './resolver.ts'

export class LookupResolver implements Resolver {
  readonly #lookup: LookupFunction
  readonly #joined = new JoinedLookups<readonly string[]>()

  constructor(lookup: LookupFunction) {
    this.#lookup = lookup
  }

  async resolve(host: string, family: AddressFamily, signal?: AbortSignal): Promise<readonly string[]> {
    return await this.#joined.join(`${family} ${host}`, signal, () => this.#ask(host, family))
  }

  #ask(host: string, family: AddressFamily): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.#lookup(host, { family, all: true }, (error, addresses: string | readonly LookupAddress[]) => {
        if (error !== null) reject(error)
        else if (typeof addresses === 'string') resolve([addresses])
        else resolve(addresses.filter((one) => one.family === family).map(({ address }) => address))
      })
    })
  }
}

/** What holds where nothing is said: the system's own way of all connections of this process. */
export const systemResolver: Resolver = new LookupResolver(systemLookup)
