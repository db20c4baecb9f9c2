/**
 * Owns what a worker needs to know of each listener: its limits and its decoder.
 * Must not know: addresses, sockets.
 */
import { FrameDecoder } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Listener } from './connection.ts'

/** In the order of the configuration, which is the number that a socket's message carries. */
export function createListeners(config: Config): readonly Listener[] {
  const { heartbeatMisses, frameTimeoutMs } = config
  return config.listen.map(({ heartbeatMs, idleTimeoutMs, maxFrameBytes }, index) => {
    const decoder = new FrameDecoder(maxFrameBytes)
    return { index, decoder, heartbeatMs, heartbeatMisses, idleTimeoutMs, frameTimeoutMs }
  })
}
