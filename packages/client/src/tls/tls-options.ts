/**
 * Owns the options of TLS: what a caller may say, what is refused.
 * Must not know: sockets, how files are read.
 */
import { isSpiffePattern } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'

/** Files are read when a connection is made, and again for a later one when they have changed. */
export interface TlsOptions {
  /** The authorities that the server's certificate must come from, as PEM; those that Node knows unless set. */
  readonly ca?: string | Uint8Array | undefined
  readonly caFile?: string | undefined
  /** The client's own certificate and chain as PEM, for servers that ask for one. */
  readonly cert?: string | Uint8Array | undefined
  readonly certFile?: string | undefined
  /** The key of that certificate as PEM. */
  readonly key?: string | Uint8Array | undefined
  readonly keyFile?: string | undefined
  /** The name that the server's certificate must have, and that is sent along (SNI); the host unless set. */
  readonly serverName?: string | undefined
  /**
   * SPIFFE IDs of which the server's certificate must have one, instead of a name; `*` stands for a whole segment of
   * the path, as in `spiffe://example.org/ns/prod/*`.
   */
  readonly spiffeId?: string | readonly string[] | undefined
  /** The oldest version that is spoken; TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** False takes any certificate, so anybody may be the server: for development alone. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Files have changed to what cannot be used, and what was there before goes on; told once for each change. */
  readonly onStale?: ((error: ClientError) => void) | undefined
}

const PAIRS = [
  ['ca', 'caFile'],
  ['cert', 'certFile'],
  ['key', 'keyFile'],
] as const

/** Throws a ClientError INVALID_OPTION naming what contradicts itself. */
export function checkTlsOptions(options: TlsOptions): void {
  for (const [text, file] of PAIRS) {
    if (options[text] !== undefined && options[file] !== undefined) {
      throw invalid(`tls: expected ${text} or ${file}, got both`)
    }
  }
  const has = (text: 'cert' | 'key'): boolean => options[text] !== undefined || options[`${text}File`] !== undefined
  if (has('cert') !== has('key')) {
    throw invalid(has('cert') ? 'tls: a certificate was given without its key' : 'tls: a key was given without cert')
  }
  for (const pattern of spiffePatternsOf(options) ?? []) {
    if (isSpiffePattern(pattern)) continue
    const expected = 'spiffe://trust-domain/path, in which whole segments of the path may be *'
    throw invalid(`tls.spiffeId: expected ${expected}, got ${JSON.stringify(pattern)}`)
  }
}

/** The patterns one of which must be met; undefined where a name is what counts. */
export function spiffePatternsOf({ spiffeId }: TlsOptions): readonly string[] | undefined {
  if (spiffeId === undefined) return undefined
  return typeof spiffeId === 'string' ? [spiffeId] : spiffeId
}

function invalid(message: string): ClientError {
  return new ClientError('INVALID_OPTION', message)
}
