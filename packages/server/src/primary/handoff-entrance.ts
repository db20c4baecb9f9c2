/**
 * Owns the listening sockets where the primary accepts: SHARDWIRE_ACCEPT=handoff.
 * Must not know: workers, what becomes of a socket.
 */
import type { Config } from '../config/load-config.ts'
import { type BoundPlace, type Entrance, type EntranceOptions, StartError } from './entrance.ts'
import { explainListenError } from './listen-error.ts'
import { Listener } from './listener.ts'

export class HandoffEntrance implements Entrance {
  readonly isServed = true
  configuresSockets = false
  readonly #listeners: readonly Listener[]

  constructor(options: EntranceOptions) {
    this.#listeners = options.config.listen.map((_, index) => createListener(options, index))
  }

  get bound(): readonly BoundPlace[] {
    return this.#listeners.map((listener) => listener.bound)
  }

  isLocal(listener: number): boolean {
    return this.#listeners[listener]?.isLocal === true
  }

  async open(): Promise<void> {
    for (const [index, listener] of this.#listeners.entries()) {
      try {
        await listener.listen()
      } catch (error) {
        await Promise.all(this.#listeners.slice(0, index).map((bound) => bound.stop()))
        throw new StartError(explainListenError(listener.config, error), { cause: error })
      }
    }
    this.configuresSockets = this.#listeners.every((listener) => listener.configure())
  }

  reconfigure({ listen }: Config): void {
    for (const [index, config] of listen.entries()) this.#listeners[index]?.reconfigure(config)
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()))
  }

  isServedBy(): boolean {
    return true
  }

  // Workers have no part in it.
  workerReady(): void {}
  workerGone(): void {}
  workerHeard(): void {}
  workerListening(): void {}
  workerUnlistened(): void {}
  sweep(): void {}
}

/** A listener of the address with this index. */
export function createListener(
  { config, clock, raw, reads = false, onSocket, onFault }: EntranceOptions,
  index: number,
): Listener {
  const address = config.listen[index]
  if (address === undefined) throw new RangeError(`there is no address ${index}`)
  return new Listener({
    config: address,
    clock,
    raw,
    reads,
    onSocket: (accepted) => onSocket(accepted, index),
    onFault: (status) => onFault(address.address, status),
  })
}
