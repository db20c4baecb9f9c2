/**
 * Owns what a worker needs of a connected socket, whatever it is made of.
 * Must not know: frames, connections; who owns a transport is a type parameter.
 * Invariant: after `onClosed` nothing more is called for that owner, and no memory given to `write` is read any more.
 */

/** One connected socket. */
export interface Transport<Owner> {
  /** Whom the events are about; set once, before `start`. */
  owner: Owner | undefined
  /** Bytes written here that the kernel has not taken yet. */
  readonly unsentBytes: number
  /** Bytes that the kernel has taken: grows while the peer reads. */
  readonly takenBytes: number
  /** False once FIN was asked for, or the socket is gone. */
  readonly isWritable: boolean
  /** Whether `end` was called. */
  readonly isEnding: boolean
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** Begins to read. */
  start(): void
  /**
   * Sends block[start, end).
   * @returns true when the block is free at once; else it is read from until `onDrain` or `onClosed`
   */
  write(block: Uint8Array, start: number, end: number): boolean
  pause(): void
  resume(): void
  /** Sends FIN. To be called only when nothing is unsent; `onFinished` follows. */
  end(): void
  /** Closes with a reset: the kernel keeps nothing. */
  reset(): void
  /** Closes this process's copy. */
  close(): void
}

/** What a worker does with its sockets: one object for all of them. */
export interface TransportEvents<Owner> {
  /**
   * `bytes` landed in the memory that the last answer named.
   * @returns where the next read shall land; undefined when nothing changes
   */
  onLanded(owner: Owner, bytes: number): Uint8Array | undefined
  /** Bytes came in memory of their own. */
  onChunk(owner: Owner, chunk: Uint8Array): void
  /** The peer sent FIN. */
  onEnd(owner: Owner): void
  /** Everything written has been taken. */
  onDrain(owner: Owner): void
  /** Our FIN has left. */
  onFinished(owner: Owner): void
  /** The socket is gone, by our doing or the peer's. Comes exactly once. */
  onClosed(owner: Owner): void
}

/** How a listener's options become a socket's. */
export interface SocketSettings {
  readonly nodelay: boolean
  /** Milliseconds of silence before the first TCP keepalive probe; 0 is off. */
  readonly keepaliveMs: number
  readonly keepaliveIntervalMs: number
  readonly keepaliveProbes: number
}
