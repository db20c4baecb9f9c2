/**
 * Owns the text of SHARDWIRE_TLS_SPIFFE_ALLOW: SPIFFE IDs with `*` for segments, several with commas between.
 * Must not know: how a pattern is held against an ID (the protocol package).
 */
import { isSpiffePattern } from '@shardwire/protocol'
import type { Fault, Kind } from './value-kinds.ts'

const EXPECTED = 'spiffe://trust-domain/path, in which whole segments of the path may be *, several with commas between'

export function spiffePatterns(): Kind<readonly string[]> {
  return {
    expected: EXPECTED,
    parse(text) {
      const patterns = text.split(',').map((entry) => entry.trim())
      const faults = patterns.filter((pattern) => !isSpiffePattern(pattern)).map(faultOf)
      return faults.length > 0 ? { ok: false, faults } : { ok: true, value: patterns }
    },
  }
}

function faultOf(value: string): Fault {
  return { value, complaint: complaintOf(value), expected: EXPECTED }
}

function complaintOf(pattern: string): string {
  if (pattern === '') return 'is empty: there is a comma too many'
  if (!pattern.startsWith('spiffe://')) return 'does not begin with spiffe://'
  const [domain = '', ...segments] = pattern.slice('spiffe://'.length).split('/')
  if (domain.includes('*')) return 'has a * in its trust domain: name each trust domain'
  if (/[A-Z]/.test(domain)) return `has capitals in its trust domain: write ${domain.toLowerCase()}`
  const mixed = segments.find((segment) => segment.includes('*') && segment !== '*')
  if (mixed !== undefined) return `has ${JSON.stringify(mixed)} in its path: a * stands for a whole segment, alone`
  return 'is no SPIFFE ID'
}
