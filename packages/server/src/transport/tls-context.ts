/**
 * Owns what a certificate, its key and its authorities are before they serve: read, checked, and made a context.
 * Must not know: files, processes, connections.
 * Invariant: what `checkTlsFiles` passes, `createTlsContext` takes. No text of a key is in anything that is told.
 */
import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'

/** The texts of the files. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** Null where clients show no certificates. */
  readonly ca: string | null
}

/** What a worker needs to serve TLS. Secret: it goes to workers, and nowhere else. */
export interface TlsMaterial extends TlsFiles {
  /** What session tickets are sealed with, in base64: the same in all workers, so that each takes the others'. */
  readonly ticketKey: string
}

/** A sentence that goes on from the name of an option and its value. */
export interface TlsFault {
  readonly file: keyof TlsFiles
  readonly complaint: string
}

export const TICKET_KEY_BYTES = 48
/** A ticket is good for as long as its key at most. */
export const TICKET_KEY_LIFE_MS = 12 * 3600 * 1000
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const MS_PER_S = 1000

export interface TlsCheck {
  /** Why it cannot serve; it can when there are none. */
  readonly faults: readonly TlsFault[]
  /** What will trouble somebody, though it can serve. */
  readonly warnings: readonly TlsFault[]
}

/** @param wallMs the time that certificates are held against */
export function checkTlsFiles(files: TlsFiles, wallMs: number): TlsCheck {
  const chain = parseCertificates(files.cert)
  const key = parseKey(files.key)
  const authorities = files.ca === null ? [] : parseCertificates(files.ca)
  const faults: TlsFault[] = []
  if (typeof chain === 'string') faults.push({ file: 'cert', complaint: chain })
  if (typeof key === 'string') faults.push({ file: 'key', complaint: key })
  if (typeof authorities === 'string') faults.push({ file: 'ca', complaint: authorities })
  if (typeof chain === 'string' || typeof key === 'string' || typeof authorities === 'string') {
    return { faults, warnings: [] }
  }
  const [own] = chain
  if (own?.checkPrivateKey(key) !== true) {
    return { faults: [{ file: 'key', complaint: keyComplaint(chain, key) }], warnings: [] }
  }
  const refused = contextComplaint(files)
  if (refused !== undefined) return { faults: [{ file: 'cert', complaint: refused }], warnings: [] }
  const warnings = [...chain.flatMap(datesOf('cert', wallMs)), ...authorities.flatMap(datesOf('ca', wallMs))]
  return { faults: [], warnings }
}

/** @param scope names what a session is good for: one from elsewhere is not resumed */
export function createTlsContext({ cert, key, ca, ticketKey }: TlsMaterial, scope: string): SecureContext {
  return createSecureContext({
    cert,
    key,
    ...(ca === null ? {} : { ca }),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ticketKeys: Buffer.from(ticketKey, 'base64'),
    sessionIdContext: scope,
    sessionTimeout: TICKET_KEY_LIFE_MS / MS_PER_S,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  })
}

function parseCertificates(pem: string): X509Certificate[] | string {
  const blocks = pem.match(CERTIFICATES)
  if (blocks === null) {
    return pem.includes('PRIVATE KEY-----') ? 'holds a private key and no certificate' : 'holds no certificate in PEM'
  }
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    return `holds a certificate that cannot be read (${reasonOf(error)})`
  }
}

function parseKey(pem: string): KeyObject | string {
  if (pem.includes('ENCRYPTED')) {
    return (
      'holds an encrypted key: write it without a passphrase (openssl pkey -in KEY -out PLAIN) into a file that only ' +
      'the daemon can read'
    )
  }
  if (!pem.includes('PRIVATE KEY-----')) {
    return pem.includes('BEGIN CERTIFICATE') ? 'holds a certificate and no private key' : 'holds no private key in PEM'
  }
  try {
    return createPrivateKey(pem)
  } catch (error) {
    return `holds a private key that cannot be read (${reasonOf(error)})`
  }
}

function keyComplaint(chain: readonly X509Certificate[], key: KeyObject): string {
  const isOfAnother = chain.some((certificate) => certificate.checkPrivateKey(key))
  return isOfAnother
    ? "is the key of a later certificate of SHARDWIRE_TLS_CERT: the server's own must be the first of that file"
    : 'does not fit the certificate in SHARDWIRE_TLS_CERT: both must come from one request'
}

/** What OpenSSL has against them, such as a key that is too short; undefined when nothing. */
function contextComplaint(files: TlsFiles): string | undefined {
  try {
    createTlsContext({ ...files, ticketKey: Buffer.alloc(TICKET_KEY_BYTES).toString('base64') }, 'check')
    return undefined
  } catch (error) {
    return `is not accepted by OpenSSL (${reasonOf(error)})`
  }
}

function datesOf(file: keyof TlsFiles, wallMs: number): (certificate: X509Certificate) => TlsFault[] {
  return ({ subject, validFrom, validTo, validFromDate, validToDate }) => {
    const name = subject.replaceAll('\n', ', ')
    if (wallMs > validToDate.getTime()) return [{ file, complaint: `holds ${name}, which expired on ${validTo}` }]
    const isEarly = wallMs < validFromDate.getTime()
    if (isEarly) return [{ file, complaint: `holds ${name}, which begins only on ${validFrom}` }]
    return []
  }
}

/** OpenSSL's words for it, which quote nothing of what was read. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const reason: unknown = Reflect.get(error, 'reason')
  return typeof reason === 'string' ? reason : 'code' in error ? String(error.code) : error.message
}
