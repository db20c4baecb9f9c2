/** Owns the tests of reading a member out of the text of an object. */
import { describe, expect, it } from 'vitest'
import { lastMemberText } from '../../src/codec/json/keys.ts'

describe('the last member of a name', () => {
  it.each([
    ['{"uid":1}', '1'],
    ['{ "uid" : 1 }', '1'],
    ['\n{\t"uid"\r:\n12.50e+1\t,"val":2}', '12.50e+1'],
    ['{"val":{"uid":5},"uid":-0}', '-0'],
    ['{"uid":1,"UID":2,"uId":3}', '3'],
    ['{"uid":1,"val":[1,{"a":"}"}],"UiD":18446744073709551616}', '18446744073709551616'],
    ['{"uid":{"a":[1,2]},"b":1}', '{"a":[1,2]}'],
    [String.raw`{"\u0075id":"escaped"}`, '"escaped"'],
    [String.raw`{"uid":"a\"b\\"}`, String.raw`"a\"b\\"`],
    [String.raw`{"a\\":"uid","\"uid\"":7}`, undefined],
    ['{"uid":true}', 'true'],
    ['{"uid":null,"val":[]}', 'null'],
    ['{"uıd":1}', undefined],
    ['{}', undefined],
    ['{"uid ":1}', undefined],
  ])('%s', (text, expected) => {
    expect(JSON.parse(text)).toBeTypeOf('object')
    expect(lastMemberText(text, 'uid')).toBe(expected)
  })
})
