/**
 * Owns making one socket whose reads land in memory of ours (the documented `onread` option of net.connect).
 * Must not know: frames, the load.
 * Invariant: `onDown` is called once, last; `onRead` is told how many bytes stand at the front of the slab, and they
 * stand there only until it returns.
 */
import net from 'node:net'

export interface DialedSocket {
  readonly host: string
  readonly port: number
  /** Shared by all sockets of the process: a read is handled to its end before the next one. */
  readonly slab: Uint8Array
  onUp(): void
  onRead(bytes: number): void
  /** @param error null when the other end, or we, just closed it */
  onDown(error: NodeJS.ErrnoException | null): void
}

export function dialSocket(dialed: DialedSocket): net.Socket {
  const { host, port, slab } = dialed
  let failure: NodeJS.ErrnoException | null = null
  const callback = (bytes: number): boolean => {
    dialed.onRead(bytes)
    return true
  }
  const socket = net.connect({ host, port, noDelay: true, onread: { buffer: slab, callback } })
  socket.once('connect', () => dialed.onUp())
  socket.on('error', (error) => {
    failure = error
  })
  socket.once('close', () => dialed.onDown(failure))
  return socket
}
