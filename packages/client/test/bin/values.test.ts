/** Rules of how bodies and targets are written in a shell. */
import { decodeBody, encodeBody } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { parseArguments } from '../../src/bin/arguments.ts'
import { parseTarget } from '../../src/bin/target.ts'
import { BodyError, frameBodyOf, jsonBodyOf, shownFrameBody, shownValue } from '../../src/bin/values.ts'

describe('a body', () => {
  it.each([
    ['null', null],
    ['{"a":[1,2.5,"x",true]}', { a: [1, 2.5, 'x', true] }],
    ['{"$bytes":"00ff"}', Uint8Array.of(0, 255)],
    ['[{"$timestamp":"2026-01-02T03:04:05.678Z"}]', [new Date('2026-01-02T03:04:05.678Z')]],
    ['{"$bytes":"00","more":1}', { $bytes: '00', more: 1 }],
  ])('%s is a value, and is shown as it was written', (text, value) => {
    const bytes = frameBodyOf(text, 'json')
    expect(decodeBody(bytes, 0, bytes.length)).toEqual(value)
    expect(shownFrameBody(encodeBody(value), 'json')).toBe(text)
  })

  it('may be a bigint, which JSON lacks', () => {
    expect(shownValue({ n: 2n ** 60n })).toBe('{"n":{"$bigint":"1152921504606846976"}}')
  })

  it('may be text, hex or nothing', () => {
    expect(frameBodyOf('gr\u00fc\u00df', 'text')).toEqual(new TextEncoder().encode('gr\u00fc\u00df'))
    expect(frameBodyOf('00 ff_1A', 'hex')).toEqual(Uint8Array.of(0, 255, 26))
    for (const form of ['json', 'text', 'hex', 'none'] as const) expect(frameBodyOf(undefined, form)).toHaveLength(0)
    expect(shownFrameBody(Uint8Array.of(0, 255), 'hex')).toBe('00ff')
    expect(shownFrameBody(new Uint8Array(0), 'json')).toBe('')
  })

  it.each([
    ['{bad', 'json', 'for text write \'"text"\', or --body text'],
    ['0', 'hex', 'expected an even number of digits'],
    ['{"$timestamp":"then"}', 'json', 'has a $timestamp that is none'],
    ['{"$bytes":"x"}', 'json', 'no hex'],
  ] as const)('%s as %s is refused with what to do', (text, form, message) => {
    expect(() => frameBodyOf(text, form)).toThrow(BodyError)
    expect(() => frameBodyOf(text, form)).toThrow(message)
  })

  it('over JSON is a value, text or null', () => {
    expect(jsonBodyOf('{"a":1}', 'json')).toEqual({ a: 1 })
    expect(jsonBodyOf('x', 'text')).toBe('x')
    expect(jsonBodyOf(undefined, 'json')).toBeNull()
    expect(() => jsonBodyOf('00', 'hex')).toThrow('JSON carries no bytes')
  })
})

describe('a target', () => {
  it.each([
    ['localhost', { host: 'localhost', port: 7400 }, false],
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }, false],
    ['tcp://a.example:80/', { host: 'a.example', port: 80 }, false],
    ['tls://a.example:81', { host: 'a.example', port: 81 }, true],
    ['[::1]:82', { host: '::1', port: 82 }, false],
    ['[fd00::1]', { host: 'fd00::1', port: 7400 }, false],
    ['unix:/run/s', { path: '/run/s' }, false],
    ['unix://run/s', { path: 'run/s' }, false],
  ])('%s', (text, where, isTls) => {
    expect(parseTarget(text)).toEqual({ where, isTls })
  })

  it.each(['', ':80', 'a:0', 'a:70000', 'a:b', 'http://a:80', '::1:80', 'unix:', 'a:80/path'])('%j is none', (text) => {
    expect(parseTarget(text)).toContain('expected host:port')
  })
})

describe('arguments', () => {
  it.each([
    [[], 'a target is missing'],
    [['h', 'call'], 'there is no command "call": expected request, send, ping, listen, or none'],
    [['h', '--body', 'xml'], '--body: expected json, text, hex, none, got "xml"'],
    [['h', '--timeout-ms', '0'], '--timeout-ms: expected a whole number from 1 to 999999999, got "0"'],
    [['h', '--meta', 'x'], '--meta: expected KEY=VALUE, got "x"'],
    [['h', '--nonsense'], "Unknown option '--nonsense'"],
    [['h:x'], 'target: expected host:port'],
    [['h', '--codec', 'json', '--token', 't'], '--token: codec json has no such thing'],
    [['h', '--dns', 'dns.example'], 'servers: expected an address with or without a port'],
  ])('%j are refused', (args, message) => {
    expect(parseArguments(args, {})).toMatchObject({ kind: 'wrong', message: expect.stringContaining(message) })
  })

  it('say how to connect and how to call', () => {
    const args = [
      '--tls-ca',
      'ca.pem',
      '--meta',
      'a=b=c',
      '--body',
      'text',
      '--timeout-ms',
      '9',
      'h:1',
      'request',
      '1',
      'x',
    ]
    expect(parseArguments(args, { SHARDWIRE_TOKEN: 'secret' })).toMatchObject({
      options: {
        connect: { host: 'h', port: 1, tls: { caFile: 'ca.pem' }, hello: { token: 'secret' } },
        command: 'request',
        words: ['1', 'x'],
        settings: { body: 'text', answer: 'text', timeoutMs: 9, meta: { a: 'b=c' } },
        isQuiet: false,
      },
    })
    expect(parseArguments(['h:1'], {})).toMatchObject({ options: { command: undefined, connect: { tls: undefined } } })
  })
})
