/**
 * Owns what the bench needs of one TCP connection, whatever it is made of.
 * Must not know: frames, the load.
 * Invariant: reads land at the front of the slab that all wires of a process share, and stand there only until
 * `onRead` returns. `onDown` is the last call, comes once, and never from within a call on the wire.
 */

/** Where a connection goes to, and where from. */
export interface Endpoint {
  /** An address, not a name. */
  readonly host: string
  readonly port: number
  /** Address of ours to connect from, each time from another port; null leaves both to the system. */
  readonly localAddress: string | null
}

/** What the system says of a port of ours that is in use: by anybody, or towards this very server. */
export const PORT_TAKEN: ReadonlySet<string> = new Set(['EADDRINUSE', 'EADDRNOTAVAIL'])

/** Ports that one connection tries. */
export const PORT_TRIES_MAX = 1024

/** Who gets the events of a wire. */
export interface WireEvents {
  onUp(): void
  /** @param bytes how many stand at the front of the slab */
  onRead(bytes: number): void
  /** The kernel has taken everything that was written. */
  onDrained(): void
  /** @param code the system's, null when one of the two ends just closed it */
  onDown(code: string | null): void
}

export interface Wire {
  /** @returns whether the kernel took all of it; otherwise `bytes` must stand still until `onDrained` */
  write(bytes: Uint8Array): boolean
  pause(): void
  resume(): void
  /** Sends FIN and waits for nothing. */
  close(): void
  reset(): void
}

/** Makes the connections of a process. */
export interface Dial {
  /** Where all reads land. */
  readonly slab: Uint8Array
  dial(to: Endpoint, events: WireEvents): Wire
}
