/** Owns waiting until a mirror has compared what it was to compare: the target answers when it likes. */
import { type Daemon, eventually, parseExposition, samplesOf } from '@shardwire/testkit'

/** What a daemon takes to be watched so. */
export const WATCHED = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0' }

/** Waits until `count` answers have been compared, with whatever result. */
export async function compared(daemon: Daemon, count: number): Promise<void> {
  let seen = 0
  await eventually(
    async () => {
      const families = parseExposition(await (await fetch(`${daemon.admin}/metrics`)).text())
      seen = samplesOf(families, 'shardwire_mirror_compared_total').reduce((sum, { value }) => sum + value, 0)
      return seen >= count
    },
    () => `${seen} of ${count} answers were compared\n${daemon.describe()}`,
  )
}
