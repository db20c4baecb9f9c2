/**
 * Owns how lists of addresses are written.
 * Must not know: what they are for.
 * Invariant: every address that comes out is one; ranges are of IPv4.
 */
import { isIP, isIPv4 } from 'node:net'

import type { SourceSpread } from '../fleet/address-plan.ts'

export const ADDRESSES_EXPECTED = 'addresses with commas between, or ranges such as 127.1.0.1-127.1.0.50'
export const SOURCES_EXPECTED = `auto, none, or ${ADDRESSES_EXPECTED}`
const ADDRESSES_MAX = 4096

/** Undefined for text that is no list of addresses. */
export function parseAddresses(text: string): readonly string[] | undefined {
  const parts = text.split(',').map(parseRange)
  const known = parts.filter((part) => part !== undefined).flat()
  return known.length === 0 || known.length > ADDRESSES_MAX || parts.includes(undefined) ? undefined : known
}

export function parseSources(text: string): SourceSpread | undefined {
  return text === 'auto' || text === 'none' ? text : parseAddresses(text)
}

function parseRange(text: string): string[] | undefined {
  const [first = '', last, ...rest] = text.split('-')
  if (rest.length > 0) return undefined
  if (last === undefined) return isIP(first) === 0 ? undefined : [first]
  if (!isIPv4(first) || !isIPv4(last)) return undefined
  const [from, to] = [numberOf(first), numberOf(last)]
  if (to < from || to - from >= ADDRESSES_MAX) return undefined
  return Array.from({ length: to - from + 1 }, (_, index) => textOf(from + index))
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}
