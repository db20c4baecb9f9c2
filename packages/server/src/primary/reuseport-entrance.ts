/**
 * Owns the listening sockets where the workers accept: SHARDWIRE_ACCEPT=reuseport. One for each address and slot, all
 * of an address on one port, over which the kernel spreads connections. Unix sockets know nothing of the kind, and of a
 * socket that was handed on there is one: from those the primary accepts.
 * Must not know: what becomes of a socket.
 * Invariant: they are the primary's, for as long as it runs; a worker has copies. So what waits in the queue of one
 * outlives the worker that accepted from it. The primary accepts from them only at the end, when no worker does.
 */
import { lookup } from 'node:dns/promises'
import type { AddressInfo } from 'node:net'
import type { Config, InternetListener, Listener as ListenerConfig } from '../config/load-config.ts'
import { configureListening } from '../transport/raw-listening.ts'
import { assertFree, bindShared, type ListeningHandle } from '../transport/raw-listener.ts'
import { type BoundPlace, type Entrance, type EntranceOptions, StartError } from './entrance.ts'
import { createListener } from './handoff-entrance.ts'
import { explainListenError } from './listen-error.ts'
import type { Listener } from './listener.ts'
import { type Holder, SlotHolders } from './slot-holders.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What workers get to stop accepting: one that hangs must not hold up the others' end. */
const UNLISTEN_MS_MAX = 500

interface Door {
  /** Of the address in the configuration. */
  readonly index: number
  readonly config: InternetListener
  readonly address: AddressInfo
  /** By slot. */
  readonly handles: readonly ListeningHandle[]
}

export class ReuseportEntrance implements Entrance {
  readonly #options: EntranceOptions
  readonly #holders: SlotHolders
  readonly #byWorker = new Map<WorkerProcess, Holder>()
  #doors: readonly Door[] = []
  /** Those that the primary accepts from, by the index of their address. */
  readonly #own = new Map<number, Listener>()

  constructor(options: EntranceOptions) {
    this.#options = options
    this.#holders = new SlotHolders(options.clock, options.config.workers)
  }

  get bound(): readonly BoundPlace[] {
    const places = [...this.#own].map(([index, { bound }]): [number, BoundPlace] => [index, bound])
    for (const { index, address } of this.#doors) places.push([index, address])
    return places.toSorted(([a], [b]) => a - b).map(([, place]) => place)
  }

  isLocal(listener: number): boolean {
    return this.#own.get(listener)?.isLocal === true
  }

  get configuresSockets(): boolean {
    if (!this.#options.raw || ![...this.#own.values()].every((listener) => listener.configure())) return false
    return this.#doors.every(({ config, handles }) => handles.every((handle) => configureListening(handle, config)))
  }

  get isServed(): boolean {
    return this.#holders.isServed
  }

  async open(): Promise<void> {
    const { listen, workers } = this.#options.config
    for (const [index, config] of listen.entries()) {
      try {
        if (!sharesPort(config)) await this.#openOwn(index)
        else this.#doors = [...this.#doors, await openDoor(index, config, workers)]
      } catch (error) {
        for (const { handles } of this.#doors) for (const handle of handles) handle.close()
        await Promise.all([...this.#own.values()].map((listener) => listener.stop()))
        throw new StartError(explainListenError(config, error), { cause: error })
      }
    }
  }

  /** The backlog is for each new worker to set when it listens. */
  reconfigure({ listen }: Config): void {
    for (const [index, config] of listen.entries()) {
      this.#own.get(index)?.reconfigure(config)
      const handles = this.#doors.find((door) => door.index === index)?.handles ?? []
      if (this.#options.raw && sharesPort(config)) {
        for (const handle of handles) configureListening(handle, config)
      }
    }
  }

  /**
   * The workers stop first, then what their queues still hold is accepted here and handed over: the last copy of a
   * listening socket that is closed resets what waits in it.
   */
  async close(): Promise<void> {
    const { clock } = this.#options
    await Promise.race([this.#holders.stop(), new Promise<void>((resolve) => clock.after(UNLISTEN_MS_MAX, resolve))])
    const listeners = this.#doors.flatMap(({ handles, index }) =>
      handles.map((handle) => {
        const listener = createListener(this.#options, index)
        listener.listenOn(handle)
        return listener
      }),
    )
    await Promise.all([...listeners, ...this.#own.values()].map((listener) => listener.stop()))
  }

  workerReady(worker: WorkerProcess): void {
    const holder: Holder = {
      slot: worker.slot,
      listen: (slot) => this.#send(worker, slot),
      unlisten: (slot) => worker.unlisten(slot),
    }
    this.#byWorker.set(worker, holder)
    this.#holders.workerReady(holder)
  }

  isServedBy(worker: WorkerProcess): boolean {
    const holder = this.#byWorker.get(worker)
    return holder !== undefined && this.#holders.isServedBy(holder)
  }

  workerGone(worker: WorkerProcess): void {
    const holder = this.#byWorker.get(worker)
    this.#byWorker.delete(worker)
    if (holder !== undefined) this.#holders.workerGone(holder)
  }

  workerHeard(worker: WorkerProcess): void {
    const holder = this.#byWorker.get(worker)
    if (holder !== undefined) this.#holders.heard(holder)
  }

  workerListening(worker: WorkerProcess, slot: number, listener: number): void {
    const holder = this.#byWorker.get(worker)
    // They are sent in order: with the last one, all are there.
    if (holder !== undefined && listener === this.#doors.at(-1)?.index) this.#holders.listening(holder, slot)
  }

  workerUnlistened(worker: WorkerProcess, slot: number): void {
    const holder = this.#byWorker.get(worker)
    if (holder !== undefined) this.#holders.unlistened(holder, slot)
  }

  sweep(): void {
    this.#holders.sweep()
  }

  async #openOwn(index: number): Promise<void> {
    const listener = createListener(this.#options, index)
    await listener.listen()
    this.#own.set(index, listener)
  }

  #send(worker: WorkerProcess, slot: number): void {
    for (const { index, handles } of this.#doors) {
      const handle = handles[slot]
      if (handle !== undefined) worker.listen(slot, index, handle)
    }
  }
}

/** Whether the address is one that workers can have a socket of their own for. */
export function sharesPort(listener: ListenerConfig): listener is InternetListener {
  return listener.scheme === 'tcp' || listener.scheme === 'tls'
}

/** Binds one socket for each slot. @throws the system's error */
async function openDoor(index: number, config: InternetListener, slots: number): Promise<Door> {
  const { host, port } = config
  const { address: ip } = await lookup(host)
  // Sockets that share a port would share it with another daemon of this user too, and take each other's connections.
  assertFree(ip, port)
  const first = bindShared(ip, port)
  const handles = [first.handle]
  try {
    while (handles.length < slots) handles.push(bindShared(ip, first.address.port).handle)
  } catch (error) {
    for (const handle of handles) handle.close()
    throw error
  }
  return { index, config, address: first.address, handles }
}
