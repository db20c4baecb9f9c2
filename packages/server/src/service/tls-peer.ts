/**
 * Owns what a handler may know of the TLS that a connection came over, and of who is at its other end.
 * Must not know: how that is found out.
 */

export interface TlsPeer {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string
  /** Whether an earlier session was resumed. */
  readonly resumed: boolean
  /** Whether the client showed a certificate; one that is not valid never gets as far as a handler. */
  readonly authorized: boolean
  /** `spiffe://trust-domain/path`, where the certificate has one. */
  readonly spiffeId: string | undefined
  /** The certificate's subject, one name a line: `CN=device 7`. */
  readonly subject: string | undefined
  /** SHA-256 of the certificate, in hex with colons. */
  readonly fingerprint: string | undefined
}
