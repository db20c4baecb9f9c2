/**
 * Owns work that gets so much time and no more.
 * Must not know: what the work is.
 * Invariant: it settles once, at the latest when time or signal say so; no timer and no listener is left then. What the
 * work does later is ignored.
 */
import type { Clock } from '@shardwire/protocol'
import type { WaitErrors, WaitOptions } from './waiters.ts'

export interface TimeLimit extends WaitOptions {
  readonly clock: Clock
  readonly errors: Pick<WaitErrors, 'expired' | 'aborted'>
}

/** Settles as the work does, or rejects with one of the errors. @param work its signal fires when nobody waits */
export async function withinTime<T>(work: (ended: AbortSignal) => Promise<T>, limit: TimeLimit): Promise<T> {
  const { clock, signal, timeoutMs, errors } = limit
  const ended = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  const cancel = clock.after(timeoutMs, () => {
    reject(errors.expired(timeoutMs))
  })
  const onAbort = (): void => {
    reject(errors.aborted(signal?.reason))
  }
  signal?.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work(ended.signal), promise])
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
    ended.abort()
  }
}
