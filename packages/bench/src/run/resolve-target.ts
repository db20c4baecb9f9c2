/**
 * Owns looking up the target's name.
 * Must not know: what is done with the address.
 * Invariant: once for all connections of a run; a name without an address is told by name.
 */
import { lookup } from 'node:dns/promises'

import type { Target } from '../options/target.ts'
import { diagnose } from './diagnosis.ts'

/** @throws EnvironmentError for a name that has no address */
export async function resolveTarget(target: Target): Promise<string> {
  try {
    return (await lookup(target.host)).address
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'ENOTFOUND'
    throw diagnose(target, { code, message: String(error), connected: 0 })
  }
}
