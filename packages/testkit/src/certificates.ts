/**
 * Owns certificates for tests: an authority, and what it signs, made anew each time; EC P-256.
 * Must not know: who uses them.
 * Invariant: nothing is written anywhere; everything is PEM.
 */
import { webcrypto } from 'node:crypto'
import type { JsonGeneralNames } from '@peculiar/x509'
import { systemClock } from './clock.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A certificate and its key. */
export interface TestCertificate {
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** The common name. */
  readonly name?: string
  /** Names of the server: DNS names and IP addresses. */
  readonly hosts?: readonly string[]
  /** URIs among the alternative names: SPIFFE IDs. */
  readonly uris?: readonly string[]
  /** Until when it is valid; an hour ago makes one that has expired. */
  readonly validToMs?: number
  readonly validFromMs?: number
}

type Library = typeof import('@peculiar/x509')

/** Loaded when the first certificate is made: few tests make one. */
async function loadLibrary(): Promise<Library> {
  // The library finds its parts by it.
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

export class TestAuthority {
  /** Its own certificate. */
  readonly cert: string
  readonly #name: string
  readonly #keys: webcrypto.CryptoKeyPair
  #serial = 1

  private constructor(name: string, keys: webcrypto.CryptoKeyPair, cert: string) {
    this.#name = name
    this.#keys = keys
    this.cert = cert
  }

  static async create(name = 'Test CA'): Promise<TestAuthority> {
    const x509 = await loadLibrary()
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: '01',
        name: `CN=${name}`,
        keys,
        ...validity({}),
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        ],
      },
      webcrypto as Crypto,
    )
    return new TestAuthority(name, keys, certificate.toString('pem'))
  }

  /** Signs a new certificate, good for servers and clients. */
  async issue(options: CertificateOptions = {}): Promise<TestCertificate> {
    const x509 = await loadLibrary()
    const { name = 'localhost', hosts = ['localhost', '127.0.0.1', '::1'], uris = [] } = options
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
    const names: JsonGeneralNames = [
      ...hosts.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value })),
      ...uris.map((value) => ({ type: 'url' as const, value })),
    ]
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: (++this.#serial).toString(16).padStart(4, '0'),
        subject: `CN=${name}`,
        issuer: `CN=${this.#name}`,
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        ...validity(options),
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false),
          ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
        ],
      },
      webcrypto as Crypto,
    )
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
    return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
  }
}

function validity({ validFromMs, validToMs }: CertificateOptions): { notBefore: Date; notAfter: Date } {
  // OpenSSL holds certificates against the real time.
  const nowMs = systemClock.wallMs()
  const notAfter = new Date(validToMs ?? nowMs + DAY_MS)
  return { notBefore: new Date(validFromMs ?? Math.min(nowMs, notAfter.getTime()) - HOUR_MS), notAfter }
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host)
}
