/**
 * Owns SPIFFE IDs: which texts are one, which pattern allows which, and how they are read out of a certificate.
 * Must not know: sockets, options.
 * Invariant: a trust domain is never matched by a pattern's `*`; a certificate whose names cannot be read to the end
 * has no ID.
 */

/** The longest that the SPIFFE standard allows, in bytes. */
const ID_BYTES_MAX = 2048
const TRUST_DOMAIN = '[a-z0-9._-]{1,255}'
const SEGMENT = '(?!\\.{1,2}(?:/|$))[a-zA-Z0-9._-]+'
const ID = new RegExp(`^spiffe://${TRUST_DOMAIN}(?:/${SEGMENT})*$`)
const PATTERN = new RegExp(`^spiffe://${TRUST_DOMAIN}(?:/(?:\\*|${SEGMENT}))*$`)
/** A name of a certificate as Node prints them: what could be mistaken for a separator is in quotes. */
const ALTERNATIVE_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/gy

export function isSpiffeId(text: string): boolean {
  return text.length <= ID_BYTES_MAX && ID.test(text)
}

/** An ID in which a whole segment of the path may be `*`. */
export function isSpiffePattern(text: string): boolean {
  return text.length <= ID_BYTES_MAX && PATTERN.test(text)
}

/** Whether `id` has the pattern's trust domain and as many segments, each the same or matched by `*`. */
export function matchesSpiffe(pattern: string, id: string): boolean {
  const [segments, expected] = [id.split('/'), pattern.split('/')]
  if (segments.length !== expected.length) return false
  return expected.every((part, index) => part === '*' || part === segments[index])
}

/**
 * The SPIFFE ID among the alternative names of a certificate.
 * @returns undefined when there is none, or more than one URI, which the standard forbids
 */
export function spiffeIdOf(alternativeNames: string | undefined): string | undefined {
  if (alternativeNames === undefined) return undefined
  const uris: string[] = []
  let end = 0
  for (const { 0: whole, 1: type, 2: value, index } of alternativeNames.matchAll(ALTERNATIVE_NAME)) {
    end = index + whole.length
    if (type === 'URI') uris.push(value ?? '')
  }
  const [uri] = uris
  return end === alternativeNames.length && uris.length === 1 && uri !== undefined && isSpiffeId(uri) ? uri : undefined
}
