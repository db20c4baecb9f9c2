/**
 * Owns where the bytes of a socket arrive: memory that all plain sockets of the process share.
 * Must not know: frames.
 * Invariant: what is handed on is read before the next read of any socket: sinks keep no memory. Node reads into the
 * slab only while it calls back at once, so one slab serves all.
 */
import { allocateKernelMemory, allocateMemory } from '@shardwire/protocol'
import type { OnReadOpts } from 'node:net'

/** Takes memory[0, bytes), and keeps none of it. */
export type ReadSink = (memory: Uint8Array, bytes: number) => void

const SLAB_BYTES = 65_536
/** Made when the first socket is. */
let slab: Uint8Array | undefined

/** The reads of one socket, before and after somebody takes them. */
export class Reads {
  sink: ReadSink | undefined

  /** For `net.connect`: what is read goes to the sink, without a buffer of its own and without stream events. */
  get onread(): OnReadOpts {
    // Where it stands the CRC is computed without a copy.
    slab ??= allocateKernelMemory(SLAB_BYTES) ?? allocateMemory(SLAB_BYTES)
    return {
      buffer: slab,
      callback: (bytes, memory) => {
        this.sink?.(memory, bytes)
        return true
      },
    }
  }
}
