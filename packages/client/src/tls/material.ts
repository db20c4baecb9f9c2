/**
 * Owns the texts that TLS is spoken with: given as they are, or read from files and read again when those change.
 * Must not know: sockets, sessions, who is on the other side.
 * Invariant: a context was made of texts that fit each other. A change that cannot serve is told once, and what served
 * before goes on. Files are looked at by their paths each time, so a change by symbolic link (as Kubernetes makes
 * them) is one like any other. No text of a key is in anything that is told.
 */
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { briefly, ClientError } from '../client-error.ts'
import { tell } from '../tell.ts'
import type { TlsOptions } from './tls-options.ts'

export class TlsMaterial {
  readonly #options: TlsOptions
  /** What the files looked like when the context was made of them, and when it last could not be. */
  #stamp = ''
  #staleStamp = ''
  #context: SecureContext | undefined

  constructor(options: TlsOptions) {
    this.#options = options
  }

  /** What the files say now. Throws a ClientError INVALID_OPTION when there never was anything that could be used. */
  get context(): SecureContext {
    const stamp = this.#stampNow()
    if (this.#context !== undefined && (stamp === this.#stamp || stamp === this.#staleStamp)) return this.#context
    try {
      this.#context = this.#createContext()
      this.#stamp = stamp
      this.#staleStamp = ''
    } catch (error) {
      const failure = asClientError(error)
      if (this.#context === undefined) throw failure
      this.#staleStamp = stamp
      tell(this.#options.onStale, failure)
    }
    return this.#context
  }

  #createContext(): SecureContext {
    const { minVersion = 'TLSv1.2' } = this.#options
    const [ca, cert, key] = [this.#text('ca'), this.#text('cert'), this.#text('key')]
    return createSecureContext({
      minVersion,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
  }

  #text(part: 'ca' | 'cert' | 'key'): string | Buffer | undefined {
    const text = this.#options[part]
    if (text !== undefined) return typeof text === 'string' ? text : Buffer.from(text)
    const path = this.#options[`${part}File`]
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (cause) {
      const message = `tls.${part}File is ${JSON.stringify(path)}, which cannot be read (${briefly(cause)})`
      throw new ClientError('INVALID_OPTION', message, { cause })
    }
  }

  /** What tells a changed file: not its contents, which would be read each time. */
  #stampNow(): string {
    const { caFile, certFile, keyFile } = this.#options
    return JSON.stringify([caFile, certFile, keyFile].map((path) => (path === undefined ? null : stampOf(path))))
  }
}

function stampOf(path: string): unknown {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? 'none' : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs]
}

function asClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error
  return new ClientError('INVALID_OPTION', `tls: certificate, key or authorities cannot be used (${briefly(error)})`, {
    cause: error,
  })
}
