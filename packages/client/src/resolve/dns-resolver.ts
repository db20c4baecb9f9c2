/**
 * Owns resolving names by DNS servers of one's own: what is known already, who asks at the moment, what is kept.
 * Must not know: connections, bytes of DNS.
 * Invariant: nothing is left behind between lookups but the cache: no socket, no timer.
 */
import { getServers } from 'node:dns'
import { isIP } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import { systemClock } from '../clock.ts'
import { secretU16 } from '../random.ts'
import { DnsCache } from './dns-cache.ts'
import { DnsError } from './dns-error.ts'
import { lookUp } from './dns-lookup.ts'
import { dnsNameOf, isLocalhost } from './dns-name.ts'
import { type DnsServer, parseDnsServer } from './dns-server.ts'
import type { DnsType } from './dns-wire.ts'
import { HOSTS_FILE, HostsFile } from './hosts-file.ts'
import { JoinedLookups } from './joined-lookups.ts'
import type { AddressFamily, Resolver } from './resolver.ts'

/** Times in milliseconds, integers. */
export interface DnsResolverOptions {
  /** 1 to 8 of `10.0.0.53`, `10.0.0.53:5353`, `[fd00::53]:5353`; those that the system is set up with. */
  readonly servers?: readonly string[] | undefined
  /** For one name and family, over all servers; 2000. */
  readonly timeoutMs?: number | undefined
  /** How long a server may be silent until the next is asked beside it; 400. */
  readonly tryAfterMs?: number | undefined
  /** Whether the system's hosts file comes first; or the path of another one. True. */
  readonly hostsFile?: boolean | string | undefined
  /** Names and families that are kept; 1000. 0 keeps nothing. */
  readonly cacheEntriesMax?: number | undefined
  /** How long an answer is kept at most, whatever its server says; 86400000, a day. */
  readonly ttlMaxMs?: number | undefined
  /** How long it is kept that a name is not there, or has no address; 30000. */
  readonly negativeTtlMaxMs?: number | undefined
  /** How much longer an answer serves while no server answers; 3600000, an hour. 0 is not at all. */
  readonly staleMaxMs?: number | undefined
  readonly clock?: Clock | undefined
}

export interface DnsResolverStats {
  /** Names and families that are kept. */
  readonly cached: number
  /** Lookups that servers were asked for. */
  readonly lookups: number
  /** Answered from the cache. */
  readonly hits: number
  /** Answered with what had expired, as no server answered. */
  readonly stale: number
}

/** What is known of a name in one family. */
type Known = { readonly addresses: readonly string[] } | { readonly error: DnsError }

const TYPES: { readonly [Family in AddressFamily]: DnsType } = { 4: 'A', 6: 'AAAA' }
const LOOPBACK: { readonly [Family in AddressFamily]: readonly string[] } = { 4: ['127.0.0.1'], 6: ['::1'] }
const SERVERS_MAX = 8
const DAY_MS = 86_400_000
/** Where the server does not say how long there is none. */
const NEGATIVE_TTL_MS = 5000
/** Nobody answers: so long nobody asks again (RFC 9520 wants a second at least). */
const FAILURE_TTL_MS = 1000
/** With what has expired in hand one may wait longer (RFC 8767 says up to 30 s). */
const STALE_RETRY_MS = 5000
/** A server that failed is asked last for so long. */
const BAD_SERVER_MS = 10_000
/** What is younger than this is not looked up again, however often its addresses fail. */
const FORGET_AGE_MS = 1000

export class DnsResolver implements Resolver {
  readonly #servers: readonly DnsServer[]
  readonly #timeoutMs: number
  readonly #tryAfterMs: number
  readonly #ttlMaxMs: number
  readonly #negativeTtlMaxMs: number
  readonly #staleMaxMs: number
  readonly #clock: Clock
  readonly #hosts: HostsFile | undefined
  readonly #cache: DnsCache<Known>
  readonly #joined = new JoinedLookups<Known>()
  readonly #badUntilMs = new Map<DnsServer, number>()
  #lookups = 0
  #hits = 0
  #stale = 0

  /** Throws a ClientError INVALID_OPTION. */
  constructor(options: DnsResolverOptions = {}) {
    const { servers = getServers().slice(0, SERVERS_MAX), hostsFile = true, clock = systemClock } = options
    if (servers.length === 0 || servers.length > SERVERS_MAX) {
      throw new ClientError('INVALID_OPTION', `servers: expected 1 to ${SERVERS_MAX}, got ${servers.length}`)
    }
    this.#servers = servers.map(parseDnsServer)
    this.#clock = clock
    this.#timeoutMs = checkMs('timeoutMs', options.timeoutMs ?? 2000, 1)
    this.#tryAfterMs = checkMs('tryAfterMs', options.tryAfterMs ?? 400, 1)
    this.#ttlMaxMs = checkMs('ttlMaxMs', options.ttlMaxMs ?? DAY_MS, 0)
    this.#negativeTtlMaxMs = checkMs('negativeTtlMaxMs', options.negativeTtlMaxMs ?? 30_000, 0)
    this.#staleMaxMs = checkMs('staleMaxMs', options.staleMaxMs ?? 3_600_000, 0)
    this.#cache = new DnsCache(checkMs('cacheEntriesMax', options.cacheEntriesMax ?? 1000, 0), clock)
    const path = typeof hostsFile === 'string' ? hostsFile : HOSTS_FILE
    this.#hosts = hostsFile === false ? undefined : new HostsFile(path, clock)
  }

  get stats(): DnsResolverStats {
    return { cached: this.#cache.size, lookups: this.#lookups, hits: this.#hits, stale: this.#stale }
  }

  async resolve(host: string, family: AddressFamily, signal?: AbortSignal): Promise<readonly string[]> {
    signal?.throwIfAborted()
    const literal = isIP(host)
    if (literal !== 0) return literal === family ? [host] : []
    const name = dnsNameOf(host)
    if (name === undefined) throw new DnsError('EBADNAME', host, TYPES[family])
    const local = this.#hosts?.lookUp(name, family) ?? (isLocalhost(name) ? LOOPBACK[family] : undefined)
    if (local !== undefined) return local
    const known = await this.#known(name, family, signal)
    if ('error' in known) throw known.error
    return known.addresses
  }

  forget(host: string): void {
    const name = dnsNameOf(host)
    for (const family of [4, 6] as const) this.#cache.expire(`${family} ${name}`, FORGET_AGE_MS)
  }

  async #known(name: string, family: AddressFamily, signal: AbortSignal | undefined): Promise<Known> {
    const key = `${family} ${name}`
    const known = this.#cache.fresh(key)
    if (known === undefined) return await this.#joined.join(key, signal, (one) => this.#ask(key, name, family, one))
    this.#hits++
    return known
  }

  async #ask(key: string, name: string, family: AddressFamily, signal: AbortSignal): Promise<Known> {
    const [timeoutMs, tryAfterMs, clock] = [this.#timeoutMs, this.#tryAfterMs, this.#clock]
    this.#lookups++
    try {
      const options = { servers: this.#serversInOrder(), timeoutMs, tryAfterMs, clock, secretU16 }
      const { reply, failed } = await lookUp(name, TYPES[family], options, signal)
      for (const server of failed) this.#badUntilMs.set(server, clock.nowMs() + BAD_SERVER_MS)
      if (reply.kind === 'addresses') {
        return this.#keep(key, { addresses: reply.addresses }, Math.min(reply.ttlMs, this.#ttlMaxMs), this.#staleMaxMs)
      }
      const ttlMs = Math.min(reply.ttlMs ?? NEGATIVE_TTL_MS, this.#negativeTtlMaxMs)
      if (reply.kind === 'none') return this.#keep(key, { addresses: [] }, ttlMs, 0)
      return this.#keep(key, { error: new DnsError('ENOTFOUND', name, TYPES[family]) }, ttlMs, 0)
    } catch (error) {
      if (!(error instanceof DnsError)) throw error
      const stale = this.#cache.stale(key, STALE_RETRY_MS)
      if (stale === undefined) return this.#keep(key, { error }, FAILURE_TTL_MS, 0)
      this.#stale++
      return stale
    }
  }

  #keep(key: string, known: Known, ttlMs: number, staleMs: number): Known {
    this.#cache.store(key, known, ttlMs, staleMs)
    return known
  }

  /** As configured, but those that failed lately last. */
  #serversInOrder(): readonly DnsServer[] {
    const nowMs = this.#clock.nowMs()
    const isBad = (server: DnsServer): boolean => (this.#badUntilMs.get(server) ?? 0) > nowMs
    return [...this.#servers.filter((server) => !isBad(server)), ...this.#servers.filter(isBad)]
  }
}

function checkMs(name: string, value: number, min: number): number {
  if (Number.isInteger(value) && value >= min && value <= 0x7fff_ffff) return value
  throw new ClientError('INVALID_OPTION', `${name}: expected an integer from ${min} to 2147483647, got ${value}`)
}
