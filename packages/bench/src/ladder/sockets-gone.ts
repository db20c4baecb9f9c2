/**
 * Owns waiting until the sockets of a ladder are gone at both ends.
 * Must not know: whose they are.
 * Invariant: it ends: when there are as many sockets as before, when their number has not fallen for a while (others
 * may have opened some meanwhile), when the system does not tell, or when the ladder is cut short.
 */
import type { Clock } from '@shardwire/protocol'

import { kernelMemory } from '../observe/kernel-memory.ts'

const LOOK_MS = 250
const STILL_MS = 3000

export interface SocketsGoneParts {
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** @param before sockets that there were; null where the system does not tell */
export async function untilGone(
  before: number | null,
  { clock, signal }: SocketsGoneParts,
  count: () => number | null = () => kernelMemory().sockets,
): Promise<void> {
  let least = count()
  if (before === null || least === null) return
  let fellMs = clock.nowMs()
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    const now = count() ?? 0
    if (now < (least ?? 0)) [least, fellMs] = [now, clock.nowMs()]
    if (now <= before || clock.nowMs() - fellMs >= STILL_MS) resolve()
  }
  const cancel = clock.every(LOOK_MS, look)
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  look()
  await promise
  cancel()
}
