/**
 * Owns what the primary asks of a way in which connections come, of which there are two: `handoff-entrance.ts`, where
 * the primary accepts, and `reuseport-entrance.ts`, where the workers do.
 */
import type { AddressInfo } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Accepted } from '../transport/accepted.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface EntranceOptions {
  readonly config: Config
  readonly clock: Clock
  /** Whether sockets are taken as raw handles. */
  readonly raw: boolean
  /** Whether a documented socket is read at once, since it is served here; else not before somebody resumes it. */
  readonly reads?: boolean
  /** A socket was accepted. */
  readonly onSocket: (accepted: Accepted, listener: number) => void
  /** An accept on this address failed, with libuv's negative error number. */
  readonly onFault: (address: string, status: number) => void
}

/**
 * Where a listener really is: the port that port 0 became, the path of a Unix socket, or the descriptor of one that was
 * handed on.
 */
export type BoundPlace = AddressInfo | { readonly path: string } | { readonly fd: number }

export interface Entrance {
  /** Binds every address. @throws StartError */
  open(): Promise<void>
  /** Where it listens, in the order of the configuration. */
  readonly bound: readonly BoundPlace[]
  /** Whether the listener of this index is a Unix socket: there nobody has an address. */
  isLocal(listener: number): boolean
  /** Whether every connection has its socket options from the start. */
  readonly configuresSockets: boolean
  /** Whether connections are accepted, on all of it. */
  readonly isServed: boolean
  /** Goes by the options of another configuration, whose addresses are the same, for who connects from now on. */
  reconfigure(config: Config): void
  /** Takes what the kernel has queued already, then closes. After it has resolved nobody accepts any more. */
  close(): Promise<void>
  workerReady(worker: WorkerProcess): void
  /** Whether this worker takes connections by now, those of its own slot. */
  isServedBy(worker: WorkerProcess): boolean
  /** Takes no more part: it is on its way out, or gone. */
  workerGone(worker: WorkerProcess): void
  /** A snapshot came. */
  workerHeard(worker: WorkerProcess): void
  workerListening(worker: WorkerProcess, slot: number, listener: number): void
  workerUnlistened(worker: WorkerProcess, slot: number): void
  /** To be called now and then. */
  sweep(): void
}

/** A start that cannot succeed; the message is for the person who started. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
