/** Owns the tests of how values are quoted in problems. */
import { describe, expect, it } from 'vitest'
import { printable, quote } from '../../src/config/problem.ts'

describe('quote', () => {
  it('keeps a value on one line and harmless to a terminal', () => {
    expect(quote('a\n\u001b[31m\u009b\u202e"b"')).toBe(String.raw`"a\n\u001b[31m\u009b\u202e\"b\""`)
  })

  it('hides the user part of a URL, whatever is in the password', () => {
    expect(quote('tcp://me:p/w@d@host:1')).toBe('"tcp://...@host:1"')
  })

  it('hides the user part of every URL of a list', () => {
    expect(quote('tcp://a:secret@x:1,tcp://b:secret@y:2')).toBe('"tcp://...@x:1,tcp://...@y:2"')
  })

  it('cuts a long value', () => {
    expect(quote('x'.repeat(500))).toBe(`"${'x'.repeat(120)}..."`)
  })
})

it('printable spells control characters out and leaves the rest alone', () => {
  expect(printable('naïve\u0000\u2028日本')).toBe(String.raw`naïve\u0000\u2028日本`)
})
