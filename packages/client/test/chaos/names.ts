/**
 * Owns a client that knows its server by name, in the client's chaos test, and the two DNS servers that it asks.
 * Must not know: what is done to the DNS servers, or when.
 * Invariant: what the client knows of the name does not last, so that each attempt to connect depends on DNS.
 */
import { type DnsScript, DnsServer, zone } from '@shardwire/testkit'
import { type Client, ClientError, type ClientOptions, createClient, DnsResolver } from '../../src/index.ts'

const NAME = 'daemon.test'

export class Names implements AsyncDisposable {
  readonly client: Client
  /** What the servers answer when they are well. */
  readonly zone = zone({ [NAME]: ['127.0.0.1'] }, 1)
  /** Attempts to connect that ended because the name could not be resolved. */
  unresolved = 0
  readonly #servers: readonly [DnsServer, DnsServer]

  private constructor(
    servers: readonly [DnsServer, DnsServer],
    port: number,
    options: Omit<ClientOptions, 'addresses'>,
  ) {
    this.#servers = servers
    this.heal()
    const resolver = new DnsResolver({
      servers: servers.map(({ text }) => text),
      ...{ hostsFile: false, timeoutMs: 400, tryAfterMs: 50, ttlMaxMs: 50, negativeTtlMaxMs: 50, staleMaxMs: 0 },
    })
    this.client = createClient({
      ...options,
      addresses: [{ host: NAME, port, resolver }],
      onStatus: (event) => {
        if (event.type !== 'attempt-failed' || !(event.error instanceof ClientError)) return
        if (event.error.phase === 'resolve') this.unresolved++
      },
    })
  }

  /** A client of whatever listens on `port` of this machine, by a name. */
  static async listen(port: number, options: Omit<ClientOptions, 'addresses'>): Promise<Names> {
    return new Names([await DnsServer.listen(), await DnsServer.listen()], port, options)
  }

  /** What the first and the second server do from now on. */
  answerBy(first: DnsScript, second: DnsScript): void {
    const [one, other] = this.#servers
    one.script = first
    other.script = second
  }

  heal(): void {
    this.answerBy(this.zone, this.zone)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.destroy()
    for (const server of this.#servers) await server[Symbol.asyncDispose]()
  }
}
