/**
 * Owns what `createServer` gives back.
 * Must not know: how it is made.
 */

/** Where a server listens: the port that port 0 became, or the path of a Unix socket. */
export interface ServerAddress {
  /** `tcp://127.0.0.1:41234`, `tls://[::1]:7401` or `unix:/run/shardwire.sock`. */
  readonly url: string
  readonly scheme: 'tcp' | 'tls' | 'unix'
  /** IP address; undefined for a Unix socket. */
  readonly host: string | undefined
  /** Undefined for a Unix socket. */
  readonly port: number | undefined
  /** Undefined for TCP and TLS, and where a Unix socket was handed on by its descriptor. */
  readonly path: string | undefined
}

export interface Server extends AsyncDisposable {
  /** In the order of `listen`. */
  readonly addresses: readonly ServerAddress[]
  /** Port of the first address that has one. */
  readonly port: number
  /**
   * Lets nobody in any more, tells clients GOAWAY, answers what is in flight, cuts what is left after `drainTimeoutMs`,
   * and ends. Also at the end of an `await using`. Never rejects; asked again, it is the same end.
   */
  close(): Promise<void>
}
