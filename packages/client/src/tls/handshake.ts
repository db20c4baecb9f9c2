/**
 * Owns what a TLS handshake came to: what is told of one that succeeded, and whether one that failed was refused or
 * merely broken off.
 * Must not know: certificates that are ours, sockets that are being connected.
 */
import type { TLSSocket } from 'node:tls'

export interface TlsReport {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly protocol: string
  readonly cipher: string
  /** Whether a session of before was taken up again, which saves a round trip and the certificates. */
  readonly resumed: boolean
  /** The SPIFFE ID of the server's certificate, if it has one. */
  readonly serverSpiffeId: string | undefined
}

export function reportOf(socket: TLSSocket, serverSpiffeId: string | undefined): TlsReport {
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    resumed: socket.isSessionReused(),
    serverSpiffeId,
  }
}

/** What the network does to a handshake: it may go better next time. */
const NETWORK_CODES = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'EHOSTUNREACH', 'ENETUNREACH'])

/** Whether one side refused the other: a certificate, a version, a name. The same will happen again. */
export function isRefusal(error: Error): boolean {
  if (!('code' in error) || typeof error.code !== 'string') return false
  return !NETWORK_CODES.has(error.code)
}

/** Whether the other side refused our certificate, or that we have none: in TLS 1.3 it says so after the handshake. */
export function isAlert(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^ERR_SSL_.*ALERT/.test(String(error.code))
}

const HINTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: give its authority with ca or caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known here: give it with ca or caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here: give it with ca or caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here: give it with ca or caFile',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate: give one with cert and key',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what it sent is no TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what it sent is no TLS',
}

/** What a refusal comes to, and what to do about it. */
export function refusalText(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.name
  const hint = HINTS[code] ?? (code.startsWith('ERR_SSL') ? undefined : error.message)
  return hint === undefined ? code : `${code}: ${hint}`
}
