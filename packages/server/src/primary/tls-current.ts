/**
 * Owns which TLS material new workers get, and that the others learn of changes; also across a reload that changes
 * where it comes from.
 * Must not know: certificates, files.
 * Invariant: at most one keeper is watched for what the daemon runs with; during a reload the next one is, too, until
 * it is known which of them stays.
 */
import type { Config } from '../config/load-config.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { TlsKeeper, type TlsKeeperOptions } from './tls-keeper.ts'

export class TlsCurrent {
  readonly #options: Omit<TlsKeeperOptions, 'config'>
  /** Undefined where no address has TLS. */
  #keeper: TlsKeeper | undefined

  constructor(options: Omit<TlsKeeperOptions, 'config'>) {
    this.#options = options
  }

  /** Null where no address has TLS. */
  get material(): TlsMaterial | null {
    return this.#keeper?.material ?? null
  }

  /** @throws StartError when the files cannot serve */
  open(config: Config): void {
    this.#keeper = TlsKeeper.open({ ...this.#options, config })
  }

  /**
   * What is started from now on gets that of another configuration. @throws StartError, and then nothing has changed
   * @returns to be called when it is known whether that stays, or what was there before
   */
  change(config: Config): (stays: boolean) => void {
    const before = this.#keeper
    this.open(config)
    return (stays) => {
      const [kept, left] = stays ? [this.#keeper, before] : [before, this.#keeper]
      this.#keeper = kept
      left?.close()
    }
  }

  close(): void {
    this.#keeper?.close()
  }
}
