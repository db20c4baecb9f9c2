/**
 * Owns one listening address: the server, its accepts, and its end.
 * Must not know: workers, what becomes of a socket.
 * Invariant: every accepted socket goes to `onSocket` and to nobody else; after `stop` has resolved no more come.
 */
import { fstatSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import type { Listener as ListenerConfig } from '../config/load-config.ts'
import { type AcceptOptions, createAcceptor, takeAccepted } from '../transport/accepted.ts'
import { configureListening, listeningHandleOf, setBacklog } from '../transport/raw-listening.ts'
import type { ListeningHandle } from '../transport/raw-listener.ts'
import type { BoundPlace } from './entrance.ts'
import { listenAtPath } from './unix-socket.ts'

/** A flood of connects must not keep a listener from stopping. */
const STOP_MS_MAX = 500

export interface ListenerOptions extends AcceptOptions {
  readonly config: ListenerConfig
  readonly clock: Clock
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #accept: AcceptOptions
  readonly #server: Server
  #acceptedCount = 0

  constructor(options: ListenerOptions) {
    this.#options = options
    const onSocket: AcceptOptions['onSocket'] = (accepted) => {
      this.#acceptedCount++
      options.onSocket(accepted)
    }
    const { raw, reads, onFault } = options
    this.#accept = { raw, reads, onSocket, onFault }
    this.#server = createAcceptor(this.#accept)
  }

  get config(): ListenerConfig {
    return this.#options.config
  }

  /** Binds and listens. @throws the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL ...) */
  async listen(): Promise<void> {
    const { config } = this.#options
    if (config.scheme === 'unix') await listenAtPath(this.#server, config)
    else if (config.scheme === 'fd') await this.#listenAt({ fd: handedOn(config.fd) })
    else await this.#listenAt({ host: config.host, port: config.port, exclusive: true })
    takeAccepted(this.#server, this.#accept)
  }

  async #listenAt(place: object): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(place, this.config.backlog, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  /** Gives every connection its options from the start. @returns false where that cannot be */
  configure(config = this.config): boolean {
    // A Unix socket has none.
    return this.isLocal || (this.#options.raw && configureListening(this.#handle, config))
  }

  /** Goes by the options of another configuration from now on, for the same place. */
  reconfigure(config: ListenerConfig): void {
    this.configure(config)
    setBacklog(this.#handle, config.backlog)
  }

  get #handle(): unknown {
    return listeningHandleOf(this.#server)
  }

  /** Accepts from a socket that is bound already, and that others may listen on too. */
  listenOn(handle: ListeningHandle): void {
    this.#server.listen(handle, this.#options.config.backlog)
    takeAccepted(this.#server, this.#accept)
  }

  get bound(): BoundPlace {
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) return address
    const { config } = this
    // Of a Unix socket that was handed on Node knows no path.
    return config.scheme === 'fd' ? { fd: config.fd } : { path: address ?? '' }
  }

  /** Whether it is a Unix socket: there nobody has an address. */
  get isLocal(): boolean {
    return !('port' in this.bound)
  }

  /**
   * Accepts what the kernel has queued already, then closes: closing resets whatever is in that queue. Node accepts
   * about one connection a turn, so it goes on until a whole turn brought none. The turn that is under way may be past
   * its poll, and does not count.
   */
  async stop(): Promise<void> {
    const stopByMs = this.#options.clock.nowMs() + STOP_MS_MAX
    await nextTurn()
    let before: number
    do {
      before = this.#acceptedCount
      await nextTurn()
    } while (this.#acceptedCount !== before && this.#options.clock.nowMs() < stopByMs)
    // Not awaited: a server of documented sockets counts those that workers serve, and would wait for their ends.
    this.#server.close()
  }
}

/** @throws the system's error, or one of its kind (ENOTSOCK), when this is no socket that was handed to this process */
function handedOn(fd: number): number {
  if (fstatSync(fd).isSocket()) return fd
  throw Object.assign(new Error(`descriptor ${fd} is no socket`), { code: 'ENOTSOCK' })
}

/** After the loop has polled once. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
