/** Owns the tests of the TLS options: patterns of SPIFFE IDs, and what one option is without another. */
import { describe, expect, it } from 'vitest'
import { configOf, problemsOf } from './machines.ts'

const PAIR = { SHARDWIRE_TLS_CERT: 'c.pem', SHARDWIRE_TLS_KEY: 'k.pem' }

function messages(env: Readonly<Record<string, string>>): readonly string[] {
  return problemsOf(env).map(({ message }) => message)
}

describe('what belongs together', () => {
  it('a tls:// address needs a certificate and its key', () => {
    expect(messages({ SHARDWIRE_LISTEN: 'tls://h:1' })).toEqual([
      'SHARDWIRE_TLS_CERT is not set, but tls://h:1 needs a certificate',
      'SHARDWIRE_TLS_KEY is not set, but tls://h:1 needs a key',
    ])
    expect(messages({ SHARDWIRE_LISTEN: 'tls://h:1', ...PAIR })).toEqual([])
  })

  it('half a pair is a mistake, also without a tls:// address', () => {
    expect(messages({ SHARDWIRE_TLS_CERT: 'c.pem' })).toEqual([
      'SHARDWIRE_TLS_KEY is not set, but SHARDWIRE_TLS_CERT is: a pair has both',
    ])
    expect(messages({ SHARDWIRE_TLS_KEY: 'k.pem' })).toEqual([
      'SHARDWIRE_TLS_CERT is not set, but SHARDWIRE_TLS_KEY is: a pair has both',
    ])
  })

  it.each(['request', 'require'])('SHARDWIRE_TLS_CLIENT_AUTH=%s needs authorities', (clientAuth) => {
    expect(messages({ SHARDWIRE_TLS_CLIENT_AUTH: clientAuth })).toEqual([
      `SHARDWIRE_TLS_CA is not set, but SHARDWIRE_TLS_CLIENT_AUTH is ${clientAuth}: ` +
        'no certificate of a client could be valid',
    ])
  })

  it('patterns without anybody being asked for a certificate would let in everybody', () => {
    expect(
      problemsOf({ SHARDWIRE_TLS_SPIFFE_ALLOW: 'spiffe://a/b' }).map(({ name, example }) => [name, example]),
    ).toEqual([['SHARDWIRE_TLS_CLIENT_AUTH', 'SHARDWIRE_TLS_CLIENT_AUTH=require']])
  })
})

describe('SHARDWIRE_TLS_SPIFFE_ALLOW', () => {
  const asked = { SHARDWIRE_TLS_CLIENT_AUTH: 'require', SHARDWIRE_TLS_CA: 'ca.pem' }
  it('is a list of patterns', () => {
    const allow = 'spiffe://example.org/ns/*/sa/device , spiffe://example.org/gateway'
    expect(configOf({ ...asked, SHARDWIRE_TLS_SPIFFE_ALLOW: allow }).tlsSpiffeAllow).toEqual([
      'spiffe://example.org/ns/*/sa/device',
      'spiffe://example.org/gateway',
    ])
  })

  it.each([
    ['https://example.org/a', 'does not begin with spiffe://'],
    ['spiffe://*/a', 'has a * in its trust domain: name each trust domain'],
    ['spiffe://Example.org/a', 'has capitals in its trust domain: write example.org'],
    ['spiffe://example.org/dev*', 'has "dev*" in its path: a * stands for a whole segment, alone'],
    ['spiffe://example.org//a', 'is no SPIFFE ID'],
    ['spiffe://example.org/a?b', 'is no SPIFFE ID'],
    ['spiffe://a/b,', 'is empty: there is a comma too many'],
  ])('%s', (text, complaint) => {
    const problems = messages({ ...asked, SHARDWIRE_TLS_SPIFFE_ALLOW: text })
    expect(problems.map((message) => message.replace(/^.*?", which /, ''))).toEqual([complaint])
  })
})
