/** Owns a transport in memory, and connections over it: a kernel with as much room as a test gives it. */
import { FrameDecoder, FRAME_BYTES_MAX_DEFAULT } from '@shardwire/protocol'
import type { Transport } from '../../src/transport/transport.ts'
import { Connection, type Listener } from '../../src/worker/connection.ts'

interface Pending {
  readonly block: Uint8Array
  at: number
  readonly end: number
}

export class FakeTransport implements Transport<Connection> {
  owner: Connection | undefined = undefined
  /** Bytes that the kernel still takes. */
  room = Number.POSITIVE_INFINITY
  writes = 0
  isWritable = true
  isEnding = false
  /** How it was ended on our side. */
  ended: 'reset' | 'close' | undefined
  readonly remoteAddress = undefined
  readonly remotePort = undefined
  readonly #taken: Uint8Array[] = []
  readonly #pending: Pending[] = []
  #unsentBytes = 0

  /** All that the kernel took. */
  get taken(): Buffer {
    return Buffer.concat(this.#taken)
  }
  get unsentBytes(): number {
    return this.#unsentBytes
  }
  get takenBytes(): number {
    return this.#taken.reduce((sum, { length }) => sum + length, 0)
  }
  start(): void {}
  pause(): void {}
  resume(): void {}
  write(block: Uint8Array, start: number, end: number): boolean {
    if (!this.isWritable) throw new Error('written to after its end')
    this.writes++
    this.#unsentBytes += end - start
    this.#pending.push({ block, at: start, end })
    return this.take(0)
  }
  end(): void {
    this.isEnding = true
    this.isWritable = false
  }
  reset(): void {
    this.ended ??= 'reset'
    this.isWritable = false
  }
  close(): void {
    this.ended ??= 'close'
    this.isWritable = false
  }

  /** The kernel has room for `bytes` more. What it takes is copied now: memory overwritten meanwhile shows. */
  take(bytes = Number.POSITIVE_INFINITY): boolean {
    this.room += bytes
    for (let next = this.#pending[0]; next !== undefined && this.room > 0; next = this.#pending[0]) {
      const end = Math.min(next.end, next.at + this.room)
      this.#taken.push(new Uint8Array(next.block.subarray(next.at, end)))
      this.room -= end - next.at
      this.#unsentBytes -= end - next.at
      next.at = end
      if (end === next.end) this.#pending.shift()
    }
    return this.#pending.length === 0
  }
}

/** A connection over a fake transport, with that in its real type. */
export type FakeConnection = Connection & { readonly transport: FakeTransport }

export const LISTENER: Listener = {
  index: 0,
  decoder: new FrameDecoder(FRAME_BYTES_MAX_DEFAULT),
  codec: null,
  heartbeatMs: 0,
  heartbeatMisses: 3,
  idleTimeoutMs: 0,
  frameTimeoutMs: 10_000,
  isTls: false,
  greets: true,
  settings: { nodelay: false, keepaliveMs: 0, keepaliveIntervalMs: 0, keepaliveProbes: 0 },
}

let sequence = 0

export function connect(): FakeConnection {
  const transport = new FakeTransport()
  const shard = { slot: 0, epoch: 'test' }
  const connection = new Connection(shard, ++sequence, LISTENER, transport, 0, () => undefined)
  transport.owner = connection
  return connection as FakeConnection
}
