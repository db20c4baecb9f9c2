/**
 * Owns the rule between the admin options: what is reached from other machines has a token.
 * Must not know: what a token is asked for.
 */
import { adminText, isLoopback } from './admin-address.ts'
import type { Config } from './config.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Problem } from './problem.ts'

/** @param bad options whose own value was bad: what stands in their place is not held against anybody */
export function checkAdmin(
  { admin, adminToken, adminRead, adminReadToken }: Config,
  bad: ReadonlySet<string>,
): Problem[] {
  if (admin === 'off' || bad.has(OPTIONS.admin.name)) return []
  const address = `${OPTIONS.admin.name} is ${adminText(admin)}`
  if (!isLoopback(admin.host) && adminToken === null) {
    const why = 'which other machines may reach: who is connected would be open to all of them'
    return missing(OPTIONS.adminToken, `${address}, ${why}`, bad)
  }
  if (adminRead === 'token' && adminToken === null && adminReadToken === null) {
    return missing(OPTIONS.adminReadToken, `${OPTIONS.adminRead.name} is token: nobody could read`, bad)
  }
  return []
}

function missing({ name, kind }: Option<unknown>, why: string, bad: ReadonlySet<string>): Problem[] {
  if (bad.has(name) || bad.has(`${name}_FILE`)) return []
  const example = `${name}=$(openssl rand -hex 32)`
  return [{ name, value: '-', expected: kind.expected, example, message: `${name} is not set, but ${why}` }]
}
