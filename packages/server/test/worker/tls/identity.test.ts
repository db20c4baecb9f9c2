import { X509Certificate } from 'node:crypto'
import { type CertificateOptions, TestAuthority } from '@shardwire/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { type HandshakeResult, identify, type IdentityRules } from '../../../src/worker/tls/identity.ts'

const DEVICE = 'spiffe://example.org/device'
const NO_CERTIFICATE = { protocol: 'TLSv1.3', resumed: false, certificate: undefined, verifyError: undefined }
const RULES: IdentityRules = { clientAuth: 'require', spiffeAllow: null }

let authority: TestAuthority
beforeAll(async () => {
  authority = await TestAuthority.create()
})

async function shown(options: CertificateOptions = {}): Promise<HandshakeResult & { certificate: X509Certificate }> {
  const { cert } = await authority.issue({ name: 'client', hosts: [], ...options })
  return { ...NO_CERTIFICATE, certificate: new X509Certificate(cert) }
}

describe('a client', () => {
  it('is nobody where certificates are not asked for, or it shows none and need not', () => {
    const nobody = { protocol: 'TLSv1.3', resumed: false, authorized: false }
    expect(identify(NO_CERTIFICATE, { ...RULES, clientAuth: 'none' }, 0)).toMatchObject(nobody)
    expect(identify(NO_CERTIFICATE, { ...RULES, clientAuth: 'request', spiffeAllow: [DEVICE] }, 0)).toMatchObject(
      nobody,
    )
    expect(identify(NO_CERTIFICATE, RULES, 0)).toBe('a client certificate is required, and none was shown')
  })

  it('is whom its valid certificate names', async () => {
    const result = await shown({ uris: [DEVICE] })
    expect(identify(result, RULES, result.certificate.validFromDate.getTime())).toEqual({
      protocol: 'TLSv1.3',
      resumed: false,
      authorized: true,
      spiffeId: DEVICE,
      subject: 'CN=client',
      fingerprint: result.certificate.fingerprint256,
    })
  })

  it.each(['request', 'require'] as const)('is refused with one that is not valid, by %s', async (clientAuth) => {
    const result = { ...(await shown({ uris: [DEVICE] })), verifyError: 'CERT_REVOKED' }
    const rules = { clientAuth, spiffeAllow: [DEVICE] }
    expect(identify(result, rules, 0)).toBe('the client certificate is not valid: CERT_REVOKED')
  })

  it('that resumes is refused once the certificate of its first handshake has expired', async () => {
    const result = { ...(await shown()), resumed: true }
    const endMs = result.certificate.validToDate.getTime()
    expect(identify(result, RULES, endMs)).toMatchObject({ authorized: true, resumed: true })
    expect(identify(result, RULES, endMs + 1)).toBe('the client certificate is not valid: CERT_HAS_EXPIRED')
  })
})
