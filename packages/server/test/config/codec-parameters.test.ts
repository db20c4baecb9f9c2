/** Owns the tests of what an address says of its codec. */
import { describe, expect, it } from 'vitest'
import { delimiterBytes } from '../../src/config/codec-parameters.ts'
import { changesBetween } from '../../src/config/changes.ts'
import { formatValueOf } from '../../src/config/format.ts'
import { configOf, problemsOf } from './machines.ts'

function listen(text: string, env: Readonly<Record<string, string>> = {}) {
  return configOf({ SHARDWIRE_LISTEN: text, ...env }).listen[0]
}

function complaints(text: string): readonly string[] {
  return problemsOf({ SHARDWIRE_LISTEN: text }).map((problem) => problem.message.replace(/^.*?", which /, ''))
}

describe('accepted', () => {
  it.each([
    ['codec=json', { codec: 'json' }],
    ['codec=line', { codec: 'line' }],
    ['codec=line&delimiter=%0D%0A&route=note', { codec: 'line', delimiter: '%0D%0A', route: 'note' }],
    ['codec=line&delimiter=|', { codec: 'line', delimiter: '%7C' }],
    ['codec=line&delimiter=%00', { codec: 'line', delimiter: '%00' }],
    ['codec=line&delimiter=%ff%2c', { codec: 'line', delimiter: '%FF%2C' }],
    ['codec=line&delimiter=a+b', { codec: 'line', delimiter: '%61%2B%62' }],
    ['codec=line&delimiter=ü', { codec: 'line', delimiter: '%C3%BC' }],
    ['codec=raw&route=7', { codec: 'raw', route: '7' }],
    ['codec=./mine.ts', { codec: './mine.ts' }],
    ['codec=/srv/codecs/mine.js&route=echo', { codec: '/srv/codecs/mine.js', route: 'echo' }],
    [
      'codec=mine.mjs&codec-version=2&codec-name=a%20b',
      { codec: 'mine.mjs', codecParameters: { version: '2', name: 'a b' } },
    ],
  ])('%s', (parameters, settings) => {
    const text = `tcp://h:1?${parameters}`
    expect(listen(text)).toMatchObject(settings)
    // What is printed can be read again, and means the same.
    const config = configOf({ SHARDWIRE_LISTEN: text })
    expect(configOf({ SHARDWIRE_LISTEN: formatValueOf(config, 'listen') }).listen).toEqual(config.listen)
  })

  it('frames have nothing of it', () => {
    expect(Object.keys(listen('tcp://h:1?codec=frame') ?? {})).toEqual(Object.keys(listen('tcp://h:1') ?? {}))
  })

  it('a delimiter is bytes', () => {
    expect(delimiterBytes('%0D%0A')).toEqual(Uint8Array.of(13, 10))
    expect(delimiterBytes('%FF')).toEqual(Uint8Array.of(255))
  })

  it('also on TLS and on Unix sockets', () => {
    const tls = { SHARDWIRE_TLS_CERT: './c.pem', SHARDWIRE_TLS_KEY: './k.pem' }
    expect(listen('tls://h:1?codec=json', tls)).toMatchObject({ scheme: 'tls', codec: 'json' })
    expect(listen('unix:/run/a.sock?mode=0600&codec=raw')).toMatchObject({ scheme: 'unix', codec: 'raw', mode: 0o600 })
  })
})

describe('a codec without PING', () => {
  it('has no heartbeat, and 90 s of idleness unless somebody set it', () => {
    expect(listen('tcp://h:1?codec=json')).toMatchObject({ heartbeatMs: 0, idleTimeoutMs: 90_000 })
    expect(listen('tcp://h:1?codec=./mine.ts')).toMatchObject({ heartbeatMs: 0, idleTimeoutMs: 90_000 })
    expect(listen('tcp://h:1')).toMatchObject({ heartbeatMs: 30_000, idleTimeoutMs: 0 })
  })

  it('goes by what was set, for it or for all, also to 0', () => {
    expect(listen('tcp://h:1?codec=raw&idle-timeout-ms=5000')?.idleTimeoutMs).toBe(5000)
    expect(listen('tcp://h:1?codec=raw&idle-timeout-ms=0')?.idleTimeoutMs).toBe(0)
    expect(listen('tcp://h:1?codec=raw', { SHARDWIRE_IDLE_TIMEOUT_MS: '60000' })?.idleTimeoutMs).toBe(60_000)
    expect(listen('tcp://h:1?codec=raw', { SHARDWIRE_IDLE_TIMEOUT_MS: '0' })?.idleTimeoutMs).toBe(0)
  })

  it('a heartbeat of all others does not concern it', () => {
    expect(listen('tcp://h:1?codec=line', { SHARDWIRE_HEARTBEAT_MS: '86400000' })?.heartbeatMs).toBe(0)
  })
})

describe('refused', () => {
  it.each([
    ['codec=jsno', 'has an unknown codec "jsno": write json'],
    [
      'codec=msgpack',
      'has an unknown codec "msgpack": write frame, json, line, raw, or the path of a module: ./msgpack.ts',
    ],
    ['codec=json&route=echo', 'sets route, which codec=json does not have'],
    ['route=echo', 'sets route, which codec=frame does not have'],
    ['codec=raw&delimiter=%0A', 'sets delimiter, which codec=raw does not have'],
    ['codec=json&codec-version=2', 'sets codec-version, which codec=json does not have'],
    ['codec=line&delimiter=', 'has delimiter="", which is not from 1 to 8 bytes long'],
    ['codec=line&delimiter=123456789', 'has delimiter="123456789", which is not from 1 to 8 bytes long'],
    ['codec=line&delimiter=%0', 'has delimiter="%0", in which a % is not followed by two hexadecimal digits'],
    ['codec=line&route=', 'has route="", which is neither the name nor the number of a route'],
    ['codec=json&heartbeat-ms=5000', 'sets heartbeat-ms, which codec=json does not have: it has no PING'],
    ['codec=line&codec=raw', 'sets codec twice'],
    ['codec=line&delimeter=x', 'has an unknown parameter "delimeter": did you mean delimiter?'],
  ])('%s', (parameters, complaint) => {
    expect(complaints(`tcp://h:1?${parameters}`)).toEqual([complaint])
  })
})

it('what is spoken on an address changes with a restart only', () => {
  const change = (before: string, after: string): number => {
    const [from, to] = [configOf({ SHARDWIRE_LISTEN: before }), configOf({ SHARDWIRE_LISTEN: after })]
    return changesBetween(from, to).problems.length
  }
  expect(change('tcp://h:1?codec=line', 'tcp://h:1?codec=raw')).toBe(1)
  expect(change('tcp://h:1?codec=line', 'tcp://h:1?codec=line&delimiter=%00')).toBe(1)
  expect(change('tcp://h:1?codec=line', 'tcp://h:1?codec=line&idle-timeout-ms=1000')).toBe(0)
})
