import { describe, expect, it } from 'vitest'
import { isSpiffeId, isSpiffePattern, matchesSpiffe, spiffeIdOf } from '../src/spiffe.ts'

describe('a SPIFFE ID', () => {
  it.each(['spiffe://example.org', 'spiffe://example.org/ns/a/sa/b', 'spiffe://a_b-c.1/X.y_z-1/...'])('is %s', (id) => {
    expect(isSpiffeId(id)).toBe(true)
  })

  it.each([
    'spiffe://',
    'spiffe:///a',
    'spiffe://Example.org/a',
    'spiffe://example.org/',
    'spiffe://example.org/a/',
    'spiffe://example.org//a',
    'spiffe://example.org/../a',
    'spiffe://example.org/a/..',
    'spiffe://example.org/a/./b',
    'spiffe://example.org:8443/a',
    'spiffe://user@example.org/a',
    'spiffe://example.org/a?b',
    'spiffe://example.org/a#b',
    'spiffe://example.org/%61',
    'spiffe://example.org/a\n',
    'spiffe://example.org/*',
    'SPIFFE://example.org/a',
    `spiffe://example.org/${'a'.repeat(2048)}`,
  ])('is not %j', (id) => {
    expect(isSpiffeId(id)).toBe(false)
  })
})

describe('a pattern', () => {
  it.each([
    ['spiffe://a/ns/*/sa/x', 'spiffe://a/ns/prod/sa/x', true],
    ['spiffe://a/ns/*/sa/x', 'spiffe://a/ns/prod/more/sa/x', false],
    ['spiffe://a/ns/*', 'spiffe://a/ns', false],
    ['spiffe://a/ns/*', 'spiffe://a/ns/b/c', false],
    ['spiffe://a/ns/*', 'spiffe://b/ns/c', false],
    ['spiffe://a', 'spiffe://a', true],
    ['spiffe://a', 'spiffe://a/b', false],
    ['spiffe://a/*', 'spiffe://a/B', true],
  ])('%s and %s: %s', (pattern, id, matches) => {
    expect(isSpiffePattern(pattern)).toBe(true)
    expect(matchesSpiffe(pattern, id)).toBe(matches)
  })
})

describe('the ID in a certificate', () => {
  it.each([
    ['URI:spiffe://a/b', 'spiffe://a/b'],
    ['DNS:host, URI:spiffe://a/b, IP Address:1.2.3.4', 'spiffe://a/b'],
    ['DNS:host', undefined],
    ['URI:spiffe://a/b, URI:https://c', undefined],
    ['URI:https://c', undefined],
    // What could be taken for a second name is in quotes, as Node prints it; a quoted one is no SPIFFE ID.
    ['DNS:"host, URI:spiffe://a/b"', undefined],
    ['URI:"spiffe://a/b, DNS:x"', undefined],
    ['DNS:"a\\", URI:spiffe://a/b"', undefined],
    ['DNS:"never closed, URI:spiffe://a/b', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %j is %j', (names, id) => {
    expect(spiffeIdOf(names)).toBe(id)
  })
})
