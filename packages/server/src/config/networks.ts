/**
 * Owns the text of SHARDWIRE_ALLOW and its like: `10.0.0.0/8,2001:db8::/32,192.0.2.7`.
 * Must not know: what the networks are for.
 * Invariant: what comes out is read back as the same; all that is wrong is reported at once.
 */
import { parseNetwork } from '../admission/address.ts'
import type { Fault, Kind } from './value-kinds.ts'

/** More belongs into a firewall; one that is this long was pasted from somewhere else. */
const NETWORKS_MAX = 10_000

export const NETWORKS_EXPECTED = 'networks or single addresses such as 10.0.0.0/8 or 2001:db8::1, with commas between'

/** The kind of a list of networks. @param word stands for something that has no address, and may be in it too */
export function networks(word?: { readonly text: string; readonly meaning: string }): Kind<readonly string[]> {
  const expected = word === undefined ? NETWORKS_EXPECTED : `${NETWORKS_EXPECTED}; ${word.text} is ${word.meaning}`
  const fault = (value: string, complaint: string): Fault => ({ value, complaint, expected })
  return {
    expected,
    parse(text) {
      const entries = text.split(',').map((entry) => entry.trim())
      if (entries.length > NETWORKS_MAX) return { ok: false, faults: [fault(text, `has more than ${NETWORKS_MAX}`)] }
      const faults = entries.flatMap((entry) => {
        const complaint = entry === word?.text ? undefined : complaintOf(entry)
        return complaint === undefined ? [] : [fault(entry, complaint)]
      })
      return faults.length > 0 ? { ok: false, faults } : { ok: true, value: entries }
    },
  }
}

function complaintOf(entry: string): string | undefined {
  if (entry === '') return 'is empty: there is a comma too many'
  const network = parseNetwork(entry)
  return typeof network === 'string' ? network : undefined
}
