/**
 * Owns the options of a pool: what a caller may say, what holds otherwise, what is refused.
 * Must not know: what an option leads to.
 * Invariant: complete options are valid; nothing behind this file checks them again.
 */
import type { Clock } from '@shardwire/protocol'
import { systemClock } from '../clock.ts'
import { integer, invalid } from '../checks.ts'
import { systemRandom } from '../random.ts'
import type { Random } from '../random.ts'
import type { LeaseWarning } from './lease.ts'

/** What a pool tells without being asked. */
export type PoolWarning =
  | LeaseWarning
  /**
   * `destroy` or `check` threw or rejected, and the item is gone all the same; or `create` did for nobody who waits, to
   * keep `min`, which is tried again each second and told once until it succeeds.
   */
  | { readonly type: 'destroy-failed' | 'check-failed' | 'create-failed'; readonly error: unknown }
  /** Leases were not given back within closeTimeoutMs of `close`; their items were destroyed. */
  | { readonly type: 'close-forced'; readonly leases: number }

/** How to pool what is costly to make. Times are in milliseconds, integers up to 2147483647. */
export interface PoolOptions<T> {
  /** Makes one; the signal fires when the pool closes meanwhile. */
  readonly create: (signal: AbortSignal) => Promise<T>
  /** Ends one; nothing by default. */
  readonly destroy?: ((item: T) => void | Promise<void>) | undefined
  /** Whether one may be leased at this moment; asked at every lease and at every return. Always, by default. */
  readonly isUsable?: ((item: T) => boolean) | undefined
  /**
   * Asks one that was idle for checkAfterMs whether it is well, before it is leased; false, or to throw, destroys it.
   * The signal fires when nobody waits for the result any more.
   */
  readonly check?: ((item: T, signal: AbortSignal) => boolean | Promise<boolean>) | undefined
  /** 0 checks before every lease; 5000. */
  readonly checkAfterMs?: number | undefined
  /** Kept though nobody wants them; 0. */
  readonly min?: number | undefined
  /** At most, 1 to 100000; 10. */
  readonly max?: number | undefined
  /** Unused for so long, those above `min` are destroyed; 30000. 0 is never. */
  readonly idleTimeoutMs?: number | undefined
  /** An item is replaced at this age, a tenth more or less; 0, which is never, by default. */
  readonly maxAgeMs?: number | undefined
  /** How long `acquire` waits unless it says otherwise; 3000. */
  readonly acquireTimeoutMs?: number | undefined
  /** How many may wait at once; 1024. More are refused with TOO_MANY_WAITING. */
  readonly waitersMax?: number | undefined
  /** A lease held for longer is warned about; 30000. 0 is never. */
  readonly leaseWarnMs?: number | undefined
  /** How long `close` waits for leases; 5000. */
  readonly closeTimeoutMs?: number | undefined
  /** `process.emitWarning` by default. */
  readonly onWarning?: ((warning: PoolWarning) => void) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

export interface CompletePoolOptions<T> {
  readonly create: (signal: AbortSignal) => Promise<T>
  readonly destroy: (item: T) => void | Promise<void>
  readonly isUsable: (item: T) => boolean
  readonly check: ((item: T, signal: AbortSignal) => boolean | Promise<boolean>) | undefined
  readonly checkAfterMs: number
  readonly min: number
  readonly max: number
  readonly idleTimeoutMs: number
  readonly maxAgeMs: number
  readonly acquireTimeoutMs: number
  readonly waitersMax: number
  readonly leaseWarnMs: number
  readonly closeTimeoutMs: number
  readonly onWarning: (warning: PoolWarning) => void
  readonly clock: Clock
  readonly random: Random
}

const DELAY_MS_MAX = 0x7fff_ffff
const ITEMS_MAX = 100_000

/** Fills in what is missing. Throws a ClientError INVALID_OPTION naming the option, its value and what is expected. */
export function completePoolOptions<T>(options: PoolOptions<T>): CompletePoolOptions<T> {
  const max = integer('max', options.max ?? 10, 1, ITEMS_MAX)
  const min = integer('min', options.min ?? 0, 0, ITEMS_MAX)
  if (min > max) throw invalid('min', min, `at most max (${max})`)
  return {
    create: options.create,
    destroy: options.destroy ?? (() => {}),
    isUsable: options.isUsable ?? (() => true),
    check: options.check,
    checkAfterMs: integer('checkAfterMs', options.checkAfterMs ?? 5000, 0, DELAY_MS_MAX),
    min,
    max,
    idleTimeoutMs: integer('idleTimeoutMs', options.idleTimeoutMs ?? 30_000, 0, DELAY_MS_MAX),
    maxAgeMs: integer('maxAgeMs', options.maxAgeMs ?? 0, 0, DELAY_MS_MAX),
    acquireTimeoutMs: integer('acquireTimeoutMs', options.acquireTimeoutMs ?? 3000, 1, DELAY_MS_MAX),
    waitersMax: integer('waitersMax', options.waitersMax ?? 1024, 0, Number.MAX_SAFE_INTEGER),
    leaseWarnMs: integer('leaseWarnMs', options.leaseWarnMs ?? 30_000, 0, DELAY_MS_MAX),
    closeTimeoutMs: integer('closeTimeoutMs', options.closeTimeoutMs ?? 5000, 1, DELAY_MS_MAX),
    onWarning: options.onWarning ?? emitWarning,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  }
}

/** What people read about a warning. */
export function warningText(warning: PoolWarning): string {
  switch (warning.type) {
    case 'lease-held':
      return `a lease was not given back for ${warning.heldMs} ms; it was taken\n${warning.takenAt}`
    case 'lease-lost':
      return `a lease was lost: nothing refers to it, and it was never given back; it was taken\n${warning.takenAt}`
    case 'create-failed':
      return `create failed, which is tried again each second: ${String(warning.error)}`
    case 'destroy-failed':
      return `destroy of an item failed: ${String(warning.error)}`
    case 'check-failed':
      return `check of an item threw, which destroys it: ${String(warning.error)}`
    case 'close-forced':
      return `${warning.leases} leases were not given back before close() gave up; their items were destroyed`
  }
}

function emitWarning(warning: PoolWarning): void {
  process.emitWarning(warningText(warning), { type: 'ShardwireWarning', code: warning.type })
}
