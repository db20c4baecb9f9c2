/**
 * Owns asking a daemon's admin server from the shell.
 * Must not know: commands, how answers are shown.
 * Invariant: whatever goes wrong becomes a ShellError that says what, of whom, and what to do; a token is in none.
 */
import type { Clock } from '@shardwire/protocol'
import { adminText, isLoopback } from '../../config/admin-address.ts'
import { ADMIN_OPTIONS } from '../../config/admin-options.ts'
import { readEnvironment } from '../../config/env-file.ts'
import { formatProblems } from '../../config/format.ts'
import { formatHostAndPort } from '../../config/host.ts'
import { readMachine } from '../../config/machine.ts'
import { type Environment, type ReadFile, readOptions } from '../../config/read-options.ts'
import type { AccessSettings } from '../access.ts'
import { MARK } from '../reply.ts'
import { printable } from './table.ts'

/** Exit codes of the commands, as sysexits has them where it does. */
export const EXIT_NEGATIVE = 1
export const EXIT_USAGE = 2
export const EXIT_UNAVAILABLE = 69
export const EXIT_REFUSED = 77

/** A command that cannot go on. */
export class ShellError extends Error {
  override readonly name = 'ShellError'
  readonly exitCode: number

  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Nobody listens at the address: the daemon that did is gone. */
export class NobodyThere extends ShellError {}

const ADVICE = 'Does the daemon run, and is its SHARDWIRE_ADMIN that address?'
const ANSWER_MS_MAX = 10_000
/** Characters of what an answer says of its failure. */
const FAILURE_LENGTH_MAX = 2000
/** What Node itself answers to what is no request to it, before anybody of ours sees it. */
const UNMARKED = [400, 408, 431]

export interface AdminTarget {
  /** `http://host:port` */
  readonly address: string
  readonly token: string | undefined
}

/**
 * Where the daemon's admin server is, by the same variables that the daemon goes by.
 * @param given by an option; undefined where the environment says
 */
export function adminTarget(environment: Environment, files: ReadFile, given: string | undefined): AdminTarget {
  const { env, problems: fileProblems } = readEnvironment(environment, files)
  const withGiven = given === undefined ? env : { ...env, [ADMIN_OPTIONS.admin.name]: given }
  const { values, problems } = readOptions(ADMIN_OPTIONS, withGiven, readMachine(), files)
  const all = [...fileProblems, ...problems]
  if (all.length > 0) throw new ShellError(EXIT_USAGE, formatProblems(all))
  // The table is what both types are made of.
  const { admin, adminToken, adminReadToken } = values as unknown as AccessSettings
  if (admin === 'off') throw new ShellError(EXIT_USAGE, 'SHARDWIRE_ADMIN is off: this daemon has no admin server')
  const host = admin.host === '0.0.0.0' ? '127.0.0.1' : admin.host === '::' ? '::1' : admin.host
  const address = isLoopback(admin.host) ? adminText(admin) : `http://${formatHostAndPort({ ...admin, host })}`
  return { address, token: adminToken ?? adminReadToken ?? undefined }
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export class AdminClient {
  readonly target: AdminTarget
  readonly #clock: Clock

  constructor(target: AdminTarget, clock: Clock) {
    this.target = target
    this.#clock = clock
  }

  /** The answer to a question, of the type that the server has it of. @throws ShellError */
  async get<T>(path: string): Promise<T> {
    return (await this.ask('GET', path)).body as T
  }

  /** @param accepted statuses that are no failure, beside those of 200 on @throws ShellError */
  async ask(method: string, path: string, accepted: readonly number[] = []): Promise<Answer> {
    const { signal, cancel } = this.#timeLimit()
    try {
      const response = await this.#fetch(method, path, signal)
      const body = await this.#bodyOf(response)
      if (response.ok || accepted.includes(response.status)) return { status: response.status, body }
      throw this.#failure(response.status, body)
    } finally {
      cancel()
    }
  }

  /** The events of a stream, as they come. Ends when the daemon does. @throws ShellError */
  async *events<T>(path: string, signal: AbortSignal): AsyncGenerator<T, undefined> {
    const response = await this.#fetch('GET', path, signal)
    if (!response.ok || response.body === null) throw this.#failure(response.status, await this.#bodyOf(response))
    let text = ''
    try {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        text += chunk
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const event = text.slice(0, end)
          text = text.slice(end + 2)
          if (event.startsWith('data: ')) yield JSON.parse(event.slice('data: '.length)) as T
        }
      }
    } catch (error) {
      // The daemon has gone, or we were told to end: both are the end of a stream.
      if (!(error instanceof TypeError) && !signal.aborted) throw error
    }
    return undefined
  }

  /** A POST whose answer is long, as it comes. @param limitMs for its head @throws ShellError */
  async download(path: string, limitMs: number): Promise<ReadableStream<Uint8Array>> {
    const { signal, cancel } = this.#timeLimit(limitMs)
    try {
      const response = await this.#fetch('POST', path, signal)
      if (!response.ok || response.body === null) throw this.#failure(response.status, await this.#bodyOf(response))
      return response.body
    } finally {
      cancel()
    }
  }

  async #fetch(method: string, path: string, signal: AbortSignal): Promise<Response> {
    const { address, token } = this.target
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    let response: Response
    try {
      // The token is for this address alone, and whoever sends us on is not it.
      response = await fetch(address + path, { method, headers, signal, redirect: 'manual' })
    } catch (error) {
      throw this.#unreachable(error)
    }
    if (!response.headers.has(MARK) && !UNMARKED.includes(response.status)) {
      throw new ShellError(EXIT_UNAVAILABLE, `${address} answers, and is no daemon of shardwire. ${ADVICE}`)
    }
    return response
  }

  #unreachable(error: unknown): ShellError {
    const { address } = this.target
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const isRefused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
    if (isRefused) {
      return new NobodyThere(EXIT_UNAVAILABLE, `no answer from ${address}: nobody listens there. ${ADVICE}`)
    }
    const why = cause instanceof Error ? cause.message : String(cause)
    return new ShellError(EXIT_UNAVAILABLE, `no answer from ${address}: ${why}. ${ADVICE}`)
  }

  async #bodyOf(response: Response): Promise<unknown> {
    let body: string
    try {
      body = await response.text()
    } catch (error) {
      throw this.#unreachable(error)
    }
    try {
      return JSON.parse(body)
    } catch {
      // No word of ours, that of Node about what is no request: its text is all there is to say.
      return body
    }
  }

  #failure(status: number, body: unknown): ShellError {
    const { address } = this.target
    const isObject = typeof body === 'object' && body !== null
    const message = isObject && 'error' in body && typeof body.error === 'string' ? body.error : `status ${status}`
    const said = printable(message.slice(0, FAILURE_LENGTH_MAX))
    const isAccess = status === 401 || status === 403
    const advice = isAccess ? '. Set SHARDWIRE_ADMIN_TOKEN, or SHARDWIRE_ADMIN_TOKEN_FILE, as the daemon has it' : ''
    // Nothing but the arguments of a command can be wrong with what it asks.
    const isUsage = status === 400 && isObject && 'error' in body
    const exitCode = isAccess ? EXIT_REFUSED : isUsage ? EXIT_USAGE : EXIT_NEGATIVE
    return new ShellError(exitCode, `${address} answers: ${said}${advice}`)
  }

  #timeLimit(limitMs = ANSWER_MS_MAX): { readonly signal: AbortSignal; readonly cancel: () => void } {
    const controller = new AbortController()
    const limit = new Error(`no answer within ${limitMs} ms`)
    return { signal: controller.signal, cancel: this.#clock.after(limitMs, () => controller.abort(limit)) }
  }
}
