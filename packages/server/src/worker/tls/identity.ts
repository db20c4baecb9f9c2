/**
 * Owns who a TLS client is: its certificate, whether that is valid, and whether its SPIFFE ID is allowed.
 * Must not know: connections, how a handshake is made.
 * Invariant: nothing of a certificate is told before it was found valid; a resumed session is judged like a new one, by
 * the certificate that it was made with.
 */
import type { X509Certificate } from 'node:crypto'
import { matchesSpiffe, spiffeIdOf } from '@shardwire/protocol'
import type { TlsPeer } from '../../service/tls-peer.ts'

export interface IdentityRules {
  readonly clientAuth: 'none' | 'request' | 'require'
  /** Patterns of SPIFFE IDs; null where any valid certificate will do. */
  readonly spiffeAllow: readonly string[] | null
}

/** What a handshake left behind. */
export interface HandshakeResult {
  readonly protocol: string
  readonly resumed: boolean
  /** The client's certificate; undefined where it showed none. */
  readonly certificate: X509Certificate | undefined
  /** What OpenSSL has against the certificate; undefined when nothing. */
  readonly verifyError: string | undefined
}

/** @returns the peer, or why it may not come in, as a sentence for both sides */
export function identify(result: HandshakeResult, rules: IdentityRules, wallMs: number): TlsPeer | string {
  const { protocol, resumed, certificate, verifyError } = result
  if (rules.clientAuth === 'none' || (certificate === undefined && rules.clientAuth === 'request')) {
    return { protocol, resumed, ...ANONYMOUS }
  }
  if (certificate === undefined) return 'a client certificate is required, and none was shown'
  if (verifyError !== undefined) return `the client certificate is not valid: ${verifyError}`
  // A ticket keeps the verdict of its first handshake.
  if (wallMs > certificate.validToDate.getTime()) return 'the client certificate is not valid: CERT_HAS_EXPIRED'
  const { subject, subjectAltName, fingerprint256 } = certificate
  const spiffeId = spiffeIdOf(subjectAltName)
  const refusal = spiffeRefusal(spiffeId, rules.spiffeAllow)
  if (refusal !== undefined) return refusal
  return { protocol, resumed, authorized: true, spiffeId, subject, fingerprint: fingerprint256 }
}

const ANONYMOUS = { authorized: false, spiffeId: undefined, subject: undefined, fingerprint: undefined } as const

function spiffeRefusal(id: string | undefined, allow: readonly string[] | null): string | undefined {
  if (allow === null || (id !== undefined && allow.some((pattern) => matchesSpiffe(pattern, id)))) return undefined
  return id === undefined ? 'the client certificate has no SPIFFE ID' : `${id} is not among those that are allowed`
}
