/**
 * Owns what a worker needs to know of each listener: its limits, its decoder, what its sockets are given.
 * Must not know: addresses, sockets.
 */
import { FrameDecoder } from '@shardwire/protocol'
import type { SpokenCodec } from '../codec/spoken-codec.ts'
import type { Config } from '../config/load-config.ts'
import type { SocketSettings } from '../transport/transport.ts'
import type { Listener } from './connection.ts'

/**
 * In the order of the configuration, which is the number that a socket's message carries.
 * @param codecs what is spoken on each, null for frames
 * @param configured whether sockets are born with their options: what is set already need not be set again
 */
export function createListeners(
  config: Config,
  codecs: readonly (SpokenCodec | null)[],
  configured: boolean,
): readonly Listener[] {
  const { heartbeatMisses, frameTimeoutMs } = config
  return config.listen.map((listener, index) => {
    const { scheme, heartbeatMs, idleTimeoutMs, maxFrameBytes } = listener
    const decoder = new FrameDecoder(maxFrameBytes)
    const settings = configured ? BORN_WITH_THEM : socketSettings(listener)
    const isTls = scheme === 'tls'
    const codec = codecs[index] ?? null
    const times = { heartbeatMs, heartbeatMisses, idleTimeoutMs, frameTimeoutMs }
    return { index, decoder, codec, ...times, isTls, greets: codec === null, settings }
  })
}

const BORN_WITH_THEM: SocketSettings = {
  nodelay: false,
  keepaliveMs: 0,
  keepaliveIntervalMs: 0,
  keepaliveProbes: 0,
}

function socketSettings({
  nodelay,
  keepaliveMs,
  keepaliveIntervalMs,
  keepaliveProbes,
}: SocketSettings): SocketSettings {
  return { nodelay, keepaliveMs, keepaliveIntervalMs, keepaliveProbes }
}
