/**
 * Owns the kinds of value that options of a listener have, as variables and as parameters of its address.
 * Must not know: which rows and parameters they stand in.
 */
import { bytes, count, flag, milliseconds } from './value-kinds.ts'

const DAY_MS = 86_400_000
const KIB = 1024
const MIB = 1024 * KIB
/** What Linux takes: 32767 seconds for either time, 127 probes (MAX_TCP_KEEPIDLE, _KEEPINTVL, _KEEPCNT). */
const KEEPALIVE_MS_MAX = 32_767_000
const KEEPALIVE_PROBES_MAX = 127

/** Kinds that SHARDWIRE_LISTEN shares with the rows they stand in for. */
export const listenerKinds = {
  // Below 10 ms the timer is coarser than the value.
  heartbeatMs: milliseconds({ min: 10, max: DAY_MS, zero: 'off' }),
  idleTimeoutMs: milliseconds({ min: 10, max: DAY_MS, zero: 'off' }),
  // 1 KiB holds every control frame and error; above 256 MiB one frame is most of a worker's memory.
  maxFrameBytes: bytes({ min: KIB, max: 256 * MIB }),
  // Older kernels keep it in 16 bits.
  backlog: count({ min: 1, max: 65_535 }),
  nodelay: flag(),
  keepaliveMs: milliseconds({ min: 1000, max: KEEPALIVE_MS_MAX, zero: 'off' }),
  keepaliveIntervalMs: milliseconds({ min: 1000, max: KEEPALIVE_MS_MAX }),
  keepaliveProbes: count({ min: 1, max: KEEPALIVE_PROBES_MAX }),
}
