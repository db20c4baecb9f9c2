/**
 * Owns what a resolver is.
 * Must not know: how any of them finds an address, what it is wanted for.
 */

export type AddressFamily = 4 | 6

/** Turns names into addresses. One may serve any number of connections, and should: what it knows is then shared. */
export interface Resolver {
  /**
   * The addresses of `host` in one family, best first; none when the name has none of that family.
   * Rejects with an error whose `code` is one of node:dns (ENOTFOUND, ESERVFAIL, ETIMEOUT, ...), or with the reason of
   * the signal as soon as that fires.
   */
  resolve(host: string, family: AddressFamily, signal?: AbortSignal): Promise<readonly string[]>

  /** None of the addresses took a connection: what is kept of `host` may be outdated. */
  forget?(host: string): void
}
