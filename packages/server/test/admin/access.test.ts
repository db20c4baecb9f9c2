/** Owns the tests of who may read and act by the admin server. */
import { describe, expect, it } from 'vitest'
import { type AccessSettings, type Credentials, denialOf, type Need } from '../../src/admin/access.ts'

const ADMIN = 'the-token-that-may-act'
const READ = 'the-token-that-may-read'
const LOCAL: AccessSettings = {
  admin: { host: '127.0.0.1', port: 7401 },
  adminToken: ADMIN,
  adminRead: 'auto',
  adminReadToken: READ,
}
const ABROAD: AccessSettings = { ...LOCAL, admin: { host: '0.0.0.0', port: 7401 } }

function bearer(token: string): Credentials {
  return { authorization: `Bearer ${token}`, host: '127.0.0.1:7401' }
}

function status(need: Need, asked: Credentials, settings: AccessSettings): number | undefined {
  return denialOf(need, asked, settings)?.status
}

describe('reading', () => {
  it('is open on a loopback address, by any of its names', () => {
    for (const host of ['127.0.0.1:7401', 'localhost:7401', '[::1]:7401', '10.1.2.3', undefined]) {
      expect(status('read', { host }, LOCAL)).toBe(undefined)
    }
  })

  it('is not for a name that somebody made stand for this address', () => {
    for (const host of ['evil.example:7401', 'localhost.evil.example', '127.0.0.1.evil.example']) {
      expect(status('read', { host }, LOCAL)).toBe(421)
    }
  })

  it('is not for a page of another origin', () => {
    expect(status('read', { host: 'localhost', 'sec-fetch-site': 'cross-site' }, LOCAL)).toBe(403)
    expect(status('read', { host: 'localhost', 'sec-fetch-site': 'same-site' }, LOCAL)).toBe(403)
    expect(status('read', { host: 'localhost', 'sec-fetch-site': 'same-origin' }, LOCAL)).toBe(undefined)
    expect(status('read', { host: 'localhost', 'sec-fetch-site': 'none' }, LOCAL)).toBe(undefined)
  })

  it('takes a token elsewhere, of either kind, whatever the name', () => {
    expect(status('read', { host: '127.0.0.1' }, ABROAD)).toBe(401)
    expect(status('read', bearer('wrong'), ABROAD)).toBe(401)
    expect(status('read', bearer(READ), ABROAD)).toBe(undefined)
    expect(status('read', { ...bearer(ADMIN), host: 'admin.example.org' }, ABROAD)).toBe(undefined)
  })

  it('takes one, or none, where that is asked for', () => {
    expect(status('read', { host: '127.0.0.1' }, { ...LOCAL, adminRead: 'token' })).toBe(401)
    expect(status('read', { host: '10.0.0.1' }, { ...ABROAD, adminRead: 'open' })).toBe(undefined)
  })
})

describe('acting', () => {
  it('takes the one token, on a loopback address too', () => {
    expect(status('act', { host: '127.0.0.1' }, LOCAL)).toBe(401)
    expect(status('act', bearer(READ), LOCAL)).toBe(401)
    expect(status('act', bearer(`${ADMIN}x`), LOCAL)).toBe(401)
    expect(status('act', { authorization: `bearer  ${ADMIN}` }, LOCAL)).toBe(undefined)
  })

  it('is nobody’s where there is no token', () => {
    const denial = denialOf('act', bearer(ADMIN), { ...LOCAL, adminToken: null })
    expect(denial?.status).toBe(403)
    expect(denial?.message).toContain('SHARDWIRE_ADMIN_TOKEN')
  })

  it('no token is told in an answer', () => {
    expect(JSON.stringify(denialOf('act', bearer('guess-guess-guess'), LOCAL))).not.toMatch(/guess|may-act|may-read/)
  })
})

it('health is for everybody', () => {
  expect(status('health', { host: 'evil.example', 'sec-fetch-site': 'cross-site' }, ABROAD)).toBe(undefined)
})
