/** Owns the tests of SHARDWIRE_ADMIN and its tokens: what is accepted, and what must not be open to others. */
import { describe, expect, it } from 'vitest'
import { adminAddress, adminText, isLoopback } from '../../src/config/admin-address.ts'
import { withoutSecretNames, withoutSecrets } from '../../src/config/secrets.ts'
import { configOf, problemsOf } from './machines.ts'

const TOKEN = 'a-token-of-sufficient-length'

describe('the address of the admin server', () => {
  it.each([
    ['http://127.0.0.1:7401', '127.0.0.1', 7401],
    ['HTTP://LOCALHOST:0/', 'localhost', 0],
    ['http://[::1]:80', '::1', 80],
  ])('%s is accepted', (text, host, port) => {
    expect(adminAddress().parse(text)).toEqual({ ok: true, value: { host, port } })
  })

  it.each([
    ['127.0.0.1:7401', 'has no scheme: write http://127.0.0.1:7401'],
    ['https://127.0.0.1:7401', 'does not begin with http://: TLS is for a proxy before it'],
    ['http://:7401', 'does not say which addresses: write [::] for all of IPv6 and IPv4, 0.0.0.0 for all of IPv4'],
    ['http://127.0.0.1', 'has no port after its host'],
    ['http://127.0.0.1:7401/metrics', 'has a path'],
    ['on', 'is not http://host:port, or off'],
  ])('%s is refused', (text, complaint) => {
    expect(adminAddress().parse(text)).toMatchObject({ ok: false, faults: [{ complaint }] })
  })

  it('is printed as it is read', () => {
    for (const text of ['off', 'http://127.0.0.1:7401', 'http://[::1]:0']) {
      const parsed = adminAddress().parse(text)
      expect(parsed.ok && adminText(parsed.value)).toBe(text)
    }
  })
})

it.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['fe80::1%eth0', false],
  ['admin.example.org', false],
])('%s is reached from this machine only: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

describe('tokens', () => {
  it('are needed where other machines can ask', () => {
    const [problem, ...others] = problemsOf({ SHARDWIRE_ADMIN: 'http://0.0.0.0:7401' })
    expect(others).toEqual([])
    expect(problem).toMatchObject({ name: 'SHARDWIRE_ADMIN_TOKEN' })
    expect(problem?.message).toContain('http://0.0.0.0:7401')
    expect(configOf({ SHARDWIRE_ADMIN: 'http://0.0.0.0:7401', SHARDWIRE_ADMIN_TOKEN: TOKEN }).adminToken).toBe(TOKEN)
  })

  it('are needed to read when that is asked for', () => {
    expect(problemsOf({ SHARDWIRE_ADMIN_READ: 'token' })).toMatchObject([{ name: 'SHARDWIRE_ADMIN_READ_TOKEN' }])
    expect(problemsOf({ SHARDWIRE_ADMIN_READ: 'token', SHARDWIRE_ADMIN: 'off' })).toEqual([])
    expect(configOf({ SHARDWIRE_ADMIN_READ: 'token', SHARDWIRE_ADMIN_READ_TOKEN: TOKEN }).adminRead).toBe('token')
  })

  it('are long, and fit into a header', () => {
    expect(problemsOf({ SHARDWIRE_ADMIN_TOKEN: 'short' })).toHaveLength(1)
    expect(problemsOf({ SHARDWIRE_ADMIN_TOKEN: 'with a blank in the middle of it' })).toHaveLength(1)
  })

  it('are in no problem, not even their own', () => {
    expect(JSON.stringify(problemsOf({ SHARDWIRE_ADMIN_TOKEN: 'hunter2', SHARDWIRE_WORKERS: 'x' }))).not.toContain(
      'hunter2',
    )
  })

  it('are taken out of what is logged and handed on', () => {
    const config = configOf({ SHARDWIRE_ADMIN_TOKEN: TOKEN, SHARDWIRE_ADMIN_READ_TOKEN: TOKEN })
    expect(JSON.stringify(withoutSecrets(config))).not.toContain(TOKEN)
    expect(
      withoutSecretNames({ SHARDWIRE_ADMIN_TOKEN: TOKEN, SHARDWIRE_ADMIN_TOKEN_FILE: '/x', PATH: '/bin' }),
    ).toEqual({
      SHARDWIRE_ADMIN_TOKEN_FILE: '/x',
      PATH: '/bin',
    })
  })
})
