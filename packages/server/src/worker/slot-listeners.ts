/**
 * Owns the listening sockets that this worker accepts from: those of its slot, and of slots that it stands in for.
 * Must not know: how a connection is served.
 * Invariant: they are copies, the primary has the same sockets. Closing one here resets nothing: what waits in its
 * queue waits for whoever accepts from it next.
 */
import type { Server } from 'node:net'
import { type Accepted, createAcceptor, takeAccepted } from '../transport/accepted.ts'
import type { ListeningHandle } from '../transport/raw-listener.ts'

export interface SlotListenersParts {
  readonly raw: boolean
  /** By listener. */
  readonly backlogs: readonly number[]
  readonly onSocket: (accepted: Accepted, listener: number) => void
  /** @param status libuv's negative error number */
  readonly onFault: (status: number, listener: number) => void
}

export class SlotListeners {
  readonly #parts: SlotListenersParts
  /** By slot, then by listener. */
  readonly #servers = new Map<number, Map<number, Server>>()

  constructor(parts: SlotListenersParts) {
    this.#parts = parts
  }

  /** Begins to accept from a socket; one that is accepted from already is only closed. */
  listen(slot: number, listener: number, handle: ListeningHandle): void {
    const servers = this.#servers.get(slot) ?? new Map<number, Server>()
    this.#servers.set(slot, servers)
    if (servers.has(listener)) return handle.close()
    const { raw, backlogs, onSocket, onFault } = this.#parts
    const options = {
      raw,
      reads: true,
      onSocket: (accepted: Accepted) => onSocket(accepted, listener),
      onFault: (status: number) => onFault(status, listener),
    }
    const server = createAcceptor(options)
    servers.set(listener, server)
    server.listen(handle, backlogs[listener])
    takeAccepted(server, options)
  }

  /** Accepts no more from the sockets of a slot. */
  unlisten(slot: number): void {
    for (const server of this.#servers.get(slot)?.values() ?? []) server.close()
    this.#servers.delete(slot)
  }

  unlistenAll(): void {
    for (const slot of this.#servers.keys()) this.unlisten(slot)
  }
}
