/** Owns the files of TLS tests: an authority, and what it signs, in a directory that goes with the test. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { type CertificateOptions, TestAuthority, type TestCertificate } from '@shardwire/testkit'

const SERVICE = fileURLToPath(new URL('../fixtures/tls-peer.ts', import.meta.url))

export class TlsFiles {
  readonly authority: TestAuthority
  readonly directory: string

  private constructor(authority: TestAuthority, directory: string) {
    this.authority = authority
    this.directory = directory
  }

  /** With a server's certificate, and the authority as that of clients. */
  static async create(): Promise<TlsFiles> {
    const files = new TlsFiles(await TestAuthority.create(), await mkdtemp(join(tmpdir(), 'shardwire-tls-')))
    await files.serve(await files.authority.issue())
    await files.put('ca.pem', files.authority.cert)
    return files
  }

  /** The variables of a daemon that serves TLS with them, on a free port. */
  get environment(): Record<string, string> {
    return {
      SHARDWIRE_LISTEN: 'tls://127.0.0.1:0',
      SHARDWIRE_TLS_CERT: this.path('cert.pem'),
      SHARDWIRE_TLS_KEY: this.path('key.pem'),
      SHARDWIRE_SERVICE: SERVICE,
    }
  }

  /** The same, with certificates asked of clients. */
  askingFor(clientAuth: 'request' | 'require', allow?: string): Record<string, string> {
    return {
      ...this.environment,
      SHARDWIRE_TLS_CA: this.path('ca.pem'),
      SHARDWIRE_TLS_CLIENT_AUTH: clientAuth,
      ...(allow === undefined ? {} : { SHARDWIRE_TLS_SPIFFE_ALLOW: allow }),
    }
  }

  /** What a client trusts. */
  get trust(): ConnectionOptions {
    return { ca: this.authority.cert, servername: 'localhost' }
  }

  /** What a client with a certificate connects with. */
  async client(options: CertificateOptions = {}, authority = this.authority): Promise<ConnectionOptions> {
    return { ...this.trust, ...(await authority.issue({ name: 'client', hosts: [], ...options })) }
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  async serve({ cert, key }: TestCertificate): Promise<void> {
    await this.put('cert.pem', cert)
    await this.put('key.pem', key)
  }

  /** Replaces a file at once, as a careful program does. */
  async put(name: string, text: string): Promise<void> {
    await writeFile(this.path(`${name}.new`), text)
    await rename(this.path(`${name}.new`), this.path(name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true })
  }
}
