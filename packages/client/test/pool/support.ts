/**
 * Owns what the tests of the pool share: items that a test makes and breaks, on a clock that stands still.
 * Must not know: what is tested.
 */
import { FakeClock, nextTurn } from '@shardwire/testkit'
import { Pool } from '../../src/index.ts'
import type { PoolOptions, PoolWarning } from '../../src/index.ts'

/** What is pooled. */
export interface Thing {
  readonly id: number
  isUsable: boolean
  isDestroyed: boolean
}

export interface Workshop {
  readonly clock: FakeClock
  readonly pool: Pool<Thing>
  /** All that were ever made. */
  readonly made: Thing[]
  readonly warnings: PoolWarning[]
  /** Creations that have begun and wait for the test, where `holdsCreations` is set. */
  readonly creations: PromiseWithResolvers<void>[]
}

export function workshop(options: Partial<PoolOptions<Thing>> & { readonly holdsCreations?: boolean } = {}): Workshop {
  const clock = new FakeClock()
  const made: Thing[] = []
  const warnings: PoolWarning[] = []
  const creations: PromiseWithResolvers<void>[] = []
  const create = async (): Promise<Thing> => {
    if (options.holdsCreations === true) {
      const creation = Promise.withResolvers<void>()
      creations.push(creation)
      await creation.promise
    }
    const thing = { id: made.length, isUsable: true, isDestroyed: false }
    made.push(thing)
    return thing
  }
  const pool = new Pool<Thing>({
    create,
    destroy: (thing) => {
      if (thing.isDestroyed) throw new Error(`thing ${thing.id} destroyed twice`)
      thing.isDestroyed = true
    },
    isUsable: (thing) => thing.isUsable && !thing.isDestroyed,
    clock,
    random: () => 0.5,
    onWarning: (warning) => warnings.push(warning),
    ...options,
  })
  return { clock, pool, made, warnings, creations }
}

/** Lets everything that is ready happen. */
export const settle = nextTurn

/** How a promise stands after everything that is ready has happened. */
export async function standOf(work: Promise<unknown>): Promise<'pending' | 'fulfilled' | 'rejected'> {
  let stand: 'pending' | 'fulfilled' | 'rejected' = 'pending'
  void work.then(
    () => (stand = 'fulfilled'),
    () => (stand = 'rejected'),
  )
  await settle()
  return stand
}
