/**
 * Owns finding the addresses of one host for one attempt to connect: both families at once, by RFC 8305.
 * Must not know: who asks whom how, what is done with the addresses.
 * Invariant: one family that is slow, or has none, keeps nobody from the other's addresses: IPv6 is waited for at most
 * RESOLUTION_DELAY_MS after IPv4 is there. When disposed it leaves no timer and asks for nothing any more.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { AddressFamily, Resolver } from './resolver.ts'

export interface HostAddressesOptions {
  readonly resolver: Resolver
  readonly host: string
  /** The families that are wanted. */
  readonly families: readonly AddressFamily[]
  readonly clock: Clock
}

export interface HostAddressesListener {
  /** May come for each family, IPv6 first unless it is late. */
  onAddresses(family: AddressFamily, addresses: readonly string[]): void
  /** Both have settled, and there was at least one address. */
  onComplete(): void
  /** Both have settled, and there was none. */
  onFailed(error: Error): void
}

/** RFC 8305, section 3. */
const RESOLUTION_DELAY_MS = 50

export class HostAddresses {
  readonly #options: HostAddressesOptions
  readonly #listener: HostAddressesListener
  readonly #abort = new AbortController()
  readonly #errors = new Map<AddressFamily, Error>()
  #pending: number
  #held: readonly string[] | undefined
  #cancelTimer: CancelTimer | undefined
  #found = 0
  #isOver = false

  constructor(options: HostAddressesOptions, listener: HostAddressesListener) {
    this.#options = options
    this.#listener = listener
    this.#pending = options.families.length
  }

  /** Begins; nothing is told before this returns. */
  start(): void {
    for (const family of this.#options.families) void this.#ask(family)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    // An abort costs the making of its reason: none where nobody is asked any more.
    if (this.#pending > 0) this.#abort.abort()
  }

  async #ask(family: AddressFamily): Promise<void> {
    const { resolver, host } = this.#options
    let addresses: readonly string[] = []
    try {
      addresses = await resolver.resolve(host, family, this.#abort.signal)
    } catch (error) {
      this.#errors.set(family, error instanceof Error ? error : new Error(String(error)))
    }
    if (this.#isOver) return
    this.#pending--
    this.#found += addresses.length
    if (family === 4 && this.#pending > 0 && addresses.length > 0) this.#hold(addresses)
    else {
      if (addresses.length > 0) this.#listener.onAddresses(family, addresses)
      this.#giveHeld()
    }
    if (this.#pending === 0) this.#complete()
  }

  /** IPv4 came first: IPv6 has a moment left to be preferred. */
  #hold(addresses: readonly string[]): void {
    this.#held = addresses
    this.#cancelTimer = this.#options.clock.after(RESOLUTION_DELAY_MS, () => {
      this.#giveHeld()
    })
  }

  #giveHeld(): void {
    const held = this.#held
    this.#held = undefined
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (held !== undefined && !this.#isOver) this.#listener.onAddresses(4, held)
  }

  #complete(): void {
    if (this.#isOver) return
    if (this.#found > 0) this.#listener.onComplete()
    else this.#listener.onFailed(this.#errors.get(4) ?? this.#errors.get(6) ?? noAddress(this.#options.host))
  }
}

function noAddress(host: string): Error {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENODATA' })
}
