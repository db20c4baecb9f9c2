/**
 * Owns what both ends of a test's TCP connection do alike: write in pieces, collect frames, tell how it ended.
 * Must not know: who connected to whom.
 * Invariant: `gone` settles exactly once, whatever happens; every byte that came is kept.
 */
import { encodeFrame } from '@shardwire/protocol'
import type { Frame } from '@shardwire/protocol'
import type { Socket } from 'node:net'
import { nextTurn } from './clock.ts'
import { describeFrame, FrameReader } from './frame-reader.ts'
import type { ReceivedFrame } from './frame-reader.ts'
import { WaitQueue } from './queue.ts'
import { withinLimit } from './time-limit.ts'

/** How a connection ended, seen from here. */
export interface SocketClosed {
  /** `end`: the peer sent FIN. `reset`: it was reset. `local`: this end destroyed it before either. */
  readonly how: 'end' | 'reset' | 'local'
  /** Bytes behind the last whole frame. */
  readonly leftover: Uint8Array
}

export class SocketEnd {
  readonly socket: Socket
  /** Settles when the socket is gone for good. */
  readonly gone: Promise<SocketClosed>
  protected readonly reader = new FrameReader()
  readonly #frames = new WaitQueue<ReceivedFrame>('frame')
  readonly #progress = new Set<() => void>()
  #ending: SocketClosed['how'] | undefined

  /** @param socket made with allowHalfOpen, so that a FIN ends one direction only */
  constructor(socket: Socket) {
    this.socket = socket
    const { promise, resolve } = Promise.withResolvers<SocketClosed>()
    this.gone = promise
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
    })
    socket.on('end', () => {
      this.#endedBy('end')
    })
    socket.on('error', () => {
      this.#endedBy('reset')
    })
    socket.on('close', () => {
      this.#endedBy('local')
      resolve({ how: this.#ending ?? 'local', leftover: this.reader.leftover })
    })
  }

  /** All frames that came so far, taken or not. */
  get received(): readonly ReceivedFrame[] {
    return this.reader.frames
  }

  /** All bytes that came so far. */
  get bytes(): Uint8Array {
    return this.reader.bytes
  }

  /** Set when what came is no stream of frames. */
  get broken(): string | undefined {
    return this.reader.broken
  }

  /** Writes bytes. Settles when the kernel has them; rejects when the connection is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    const written = Promise.withResolvers<void>()
    this.socket.write(bytes, (error) => {
      if (error instanceof Error) written.reject(error)
      else written.resolve()
    })
    await withinLimit(written.promise, () => `${bytes.length} bytes were not taken`)
  }

  /** Writes each chunk on its own, with a turn of the loop in between, so that the peer most likely reads it alone. */
  async writeChunks(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      await this.write(chunk)
      await nextTurn()
    }
  }

  /** Encodes and writes frames, all in one write. */
  async sendFrames(...frames: readonly Frame[]): Promise<void> {
    await this.write(Buffer.concat(frames.map(encodeFrame)))
  }

  /** The next frame that nobody took. Rejects when the connection ended or the stream broke before one came. */
  async nextFrame(): Promise<ReceivedFrame> {
    return await this.#frames.take()
  }

  /** The next `count` frames. */
  async frames(count: number): Promise<ReceivedFrame[]> {
    const taken: ReceivedFrame[] = []
    while (taken.length < count) taken.push(await this.nextFrame())
    return taken
  }

  /** Waits until `count` bytes came in all, frames or not. @returns all that came */
  async bytesReceived(count: number): Promise<Uint8Array> {
    const reached = Promise.withResolvers<void>()
    const check = (): void => {
      if (this.bytes.length >= count) reached.resolve()
      else if (this.#ending !== undefined)
        reached.reject(new Error(`ended after ${this.bytes.length} of ${count} bytes`))
    }
    this.#progress.add(check)
    check()
    await withinLimit(reached.promise, () => `${this.bytes.length} of ${count} bytes came`).finally(() => {
      this.#progress.delete(check)
    })
    return this.bytes
  }

  /** Stops reading, so that the peer's writes pile up. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Sends FIN and goes on reading. */
  halfClose(): void {
    this.socket.end()
  }

  /** Ends the connection with a RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Ends the connection at once; what was not written is lost. */
  destroy(): void {
    this.socket.destroy()
  }

  /**
   * Waits until the peer has ended the connection, sends our own FIN if it still stands half-open, and tells how it
   * went. Rejects when the peer does not end it within the limit.
   */
  async closed(): Promise<SocketClosed> {
    const { socket } = this
    if (socket.readableEnded) socket.end()
    else {
      socket.once('end', () => {
        socket.end()
      })
    }
    return await withinLimit(this.gone, () => 'the peer did not close the connection')
  }

  /** Called for each frame as it comes; overridden by ends that answer. */
  protected onFrame(frame: ReceivedFrame): void {
    this.#frames.put(frame)
  }

  #receive(chunk: Uint8Array): void {
    for (const frame of this.reader.feed(chunk)) this.onFrame(frame)
    if (this.reader.broken !== undefined) this.#frames.fail(new Error(`no frames: ${this.reader.broken}`))
    for (const check of this.#progress) check()
  }

  #endedBy(how: SocketClosed['how']): void {
    // A reset after a FIN is still a reset; a close after either tells nothing new.
    if (this.#ending === undefined || how === 'reset') this.#ending = how
    const seen = this.received.map(describeFrame).join('; ')
    this.#frames.fail(new Error(`the connection ended (${this.#ending}); frames that came: ${seen || 'none'}`))
    for (const check of this.#progress) check()
  }
}
