/**
 * Owns the listening sockets where the workers accept: SHARDWIRE_ACCEPT=reuseport. One for each address and slot, all
 * of an address on one port, over which the kernel spreads connections.
 * Must not know: what becomes of a socket.
 * Invariant: they are the primary's, for as long as it runs; a worker has copies. So what waits in the queue of one
 * outlives the worker that accepted from it. The primary accepts from them only at the end, when no worker does.
 */
import { lookup } from 'node:dns/promises'
import type { AddressInfo } from 'node:net'
import { assertFree, bindShared, type ListeningHandle } from '../transport/raw-listener.ts'
import { type Entrance, type EntranceOptions, StartError } from './entrance.ts'
import { createListener } from './handoff-entrance.ts'
import { explainListenError } from './listen-error.ts'
import { type Holder, SlotHolders } from './slot-holders.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What workers get to stop accepting: one that hangs must not hold up the others' end. */
const UNLISTEN_MS_MAX = 500

interface Door {
  readonly address: AddressInfo
  /** By slot. */
  readonly handles: readonly ListeningHandle[]
}

export class ReuseportEntrance implements Entrance {
  readonly #options: EntranceOptions
  readonly #holders: SlotHolders
  readonly #byWorker = new Map<WorkerProcess, Holder>()
  #doors: readonly Door[] = []

  constructor(options: EntranceOptions) {
    this.#options = options
    this.#holders = new SlotHolders(options.clock, options.config.workers)
  }

  get bound(): readonly AddressInfo[] {
    return this.#doors.map(({ address }) => address)
  }

  get isServed(): boolean {
    return this.#holders.isServed
  }

  async open(): Promise<void> {
    const { listen, workers } = this.#options.config
    for (const { host, port, address } of listen) {
      try {
        this.#doors = [...this.#doors, await openDoor(host, port, workers)]
      } catch (error) {
        for (const { handles } of this.#doors) for (const handle of handles) handle.close()
        throw new StartError(explainListenError(address, port, error), { cause: error })
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
    const listeners = this.#doors.flatMap(({ handles }, index) =>
      handles.map((handle) => {
        const listener = createListener(this.#options, index)
        listener.listenOn(handle)
        return listener
      }),
    )
    await Promise.all(listeners.map((listener) => listener.stop()))
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
    if (holder !== undefined && listener === this.#doors.length - 1) this.#holders.listening(holder, slot)
  }

  workerUnlistened(worker: WorkerProcess, slot: number): void {
    const holder = this.#byWorker.get(worker)
    if (holder !== undefined) this.#holders.unlistened(holder, slot)
  }

  sweep(): void {
    this.#holders.sweep()
  }

  #send(worker: WorkerProcess, slot: number): void {
    for (const [index, { handles }] of this.#doors.entries()) {
      const handle = handles[slot]
      if (handle !== undefined) worker.listen(slot, index, handle)
    }
  }
}

/** Binds one socket for each slot. @throws the system's error */
async function openDoor(host: string, port: number, slots: number): Promise<Door> {
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
  return { address: first.address, handles }
}
