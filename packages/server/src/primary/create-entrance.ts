/**
 * Owns which way in the daemon has: by the primary, or by its workers.
 * Must not know: how either works.
 */
import type { Entrance, EntranceOptions } from './entrance.ts'
import { HandoffEntrance } from './handoff-entrance.ts'
import { ReuseportEntrance, sharesPort } from './reuseport-entrance.ts'

/** Where no address can be shared the primary accepts, whatever is configured. */
export function createEntrance(options: EntranceOptions): Entrance {
  const { accept, listen } = options.config
  return accept === 'reuseport' && listen.some(sharesPort)
    ? new ReuseportEntrance(options)
    : new HandoffEntrance(options)
}
