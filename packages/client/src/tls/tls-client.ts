/**
 * Owns speaking TLS to servers: one for all connections that shall share certificates and sessions.
 * Must not know: what is sent over it.
 * Invariant: a session is resumed only with the name it was made for, and the requirements and certificates that held
 * when the server was checked: Node does not check it again when one is resumed.
 */
import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls'
import { matchesSpiffe, spiffeIdOf } from '@shardwire/protocol'
import { reportOf, type TlsReport } from './handshake.ts'
import { TlsMaterial } from './material.ts'
import { checkTlsOptions, spiffePatternsOf, type TlsOptions } from './tls-options.ts'

/** A handshake that has begun. */
export interface TlsBeginning {
  readonly socket: TLSSocket
  /** What it led to, once it is done. */
  readonly report: () => TlsReport
}

interface Session {
  readonly ticket: Buffer
  /** Of the certificate that it began with: when it is resumed none is shown. */
  readonly serverSpiffeId: string | undefined
}

/** Sessions of so many names are kept. */
const SESSIONS_MAX = 64

export class TlsClient {
  readonly #options: TlsOptions
  readonly #material: TlsMaterial
  readonly #sessions = new Map<string, Session>()
  #context: SecureContext | undefined

  /** Throws a ClientError INVALID_OPTION. Files are read when the first connection is made. */
  constructor(options: TlsOptions = {}) {
    checkTlsOptions(options)
    this.#options = options
    this.#material = new TlsMaterial(options)
  }

  /**
   * Begins a handshake over a connected socket, which belongs to the one returned from then on.
   * @param host what was dialled; undefined for a Unix socket
   * Throws a ClientError INVALID_OPTION for files that cannot be used.
   */
  begin(socket: Socket, host: string | undefined): TlsBeginning {
    const { context } = this.#material
    if (context !== this.#context) this.#sessions.clear()
    this.#context = context
    const name = this.#options.serverName ?? host ?? 'localhost'
    const session = this.#sessions.get(name)
    const secure = connect({
      socket,
      secureContext: context,
      // What the certificate is held against, unless it is a SPIFFE ID.
      host: name,
      // An address is no name that could be sent along.
      ...(isIP(name) === 0 ? { servername: name } : {}),
      rejectUnauthorized: this.#options.rejectUnauthorized ?? true,
      ...(session === undefined ? {} : { session: session.ticket }),
      checkServerIdentity: (_name, certificate) => this.#check(name, certificate),
    })
    const spiffeId = (): string | undefined =>
      secure.isSessionReused() ? session?.serverSpiffeId : spiffeIdOf(secure.getPeerCertificate().subjectaltname)
    secure.on('session', (ticket: Buffer) => {
      if (context === this.#context) this.#keep(name, { ticket, serverSpiffeId: spiffeId() })
    })
    return { socket: secure, report: () => reportOf(secure, spiffeId()) }
  }

  #check(name: string, certificate: PeerCertificate): Error | undefined {
    const patterns = spiffePatternsOf(this.#options)
    if (patterns === undefined) return checkServerIdentity(name, certificate)
    const id = spiffeIdOf(certificate.subjectaltname)
    if (id !== undefined && patterns.some((pattern) => matchesSpiffe(pattern, id))) return undefined
    const text = `the server is ${id ?? 'without a SPIFFE ID'}; expected ${patterns.join(' or ')}`
    return Object.assign(new Error(text), { code: 'SPIFFE_ID_MISMATCH' })
  }

  #keep(name: string, session: Session): void {
    this.#sessions.delete(name)
    this.#sessions.set(name, session)
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= SESSIONS_MAX) break
      this.#sessions.delete(oldest)
    }
  }
}
