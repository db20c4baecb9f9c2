/**
 * Owns asking the daemon: questions, acts, and the stream of events.
 * Must not know: what is asked, what is shown.
 * Invariant: the token goes with a request as a header, never in an address, and to this origin alone.
 */
import { after } from './clock.ts'

/** @property status of HTTP; 0 where nobody answered */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Longest wait for an answer, and between two events. */
const ANSWER_MS_MAX = 10_000

export class Api {
  /** Undefined where none was given. */
  readonly #token: () => string | undefined

  constructor(token: () => string | undefined) {
    this.#token = token
  }

  /** The answer, of the type that the daemon has it of. @param path from the page on @throws ApiError */
  async get<T>(path: string): Promise<T> {
    return (await this.ask('GET', path)) as T
  }

  /** @param token other than the one that is kept @throws ApiError */
  async ask(method: string, path: string, token = this.#token()): Promise<unknown> {
    const controller = new AbortController()
    const cancel = after(ANSWER_MS_MAX, () => controller.abort())
    try {
      const response = await this.#fetch(method, path, controller.signal, token)
      return await bodyOf(response)
    } finally {
      cancel()
    }
  }

  /** The events of a stream, as they come; ends when the daemon does, or says nothing for long. @throws ApiError */
  async *events<T>(path: string, signal: AbortSignal): AsyncGenerator<T, undefined> {
    const controller = new AbortController()
    const abort = (): void => controller.abort()
    signal.addEventListener('abort', abort)
    let cancel = after(ANSWER_MS_MAX, abort)
    try {
      const response = await this.#fetch('GET', path, controller.signal, this.#token())
      if (!response.ok || response.body === null) throw failureOf(response.status, await response.text())
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return undefined
        cancel()
        cancel = after(ANSWER_MS_MAX, abort)
        const events = (text + value).split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          if (event.startsWith('data: ')) yield JSON.parse(event.slice('data: '.length)) as T
        }
      }
    } catch (error) {
      if (error instanceof ApiError) throw error
      throw new ApiError(0, 'the connection to the daemon is lost')
    } finally {
      cancel()
      signal.removeEventListener('abort', abort)
      controller.abort()
    }
  }

  async #fetch(method: string, path: string, signal: AbortSignal, token: string | undefined): Promise<Response> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    try {
      return await fetch(path, { method, headers, signal, cache: 'no-store', credentials: 'omit' })
    } catch {
      // What a browser says of it is the same for all causes, and no help.
      throw new ApiError(0, 'no answer from the daemon')
    }
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  let text: string
  try {
    text = await response.text()
  } catch {
    throw new ApiError(0, 'the daemon went away in the middle of its answer')
  }
  if (!response.ok) throw failureOf(response.status, text)
  return parsed(text)
}

function failureOf(status: number, text: string): ApiError {
  const body = parsed(text)
  const isTold = typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string'
  return new ApiError(status, isTold ? String(body.error) : `the daemon answered with status ${status}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Something between us and the daemon answered: its text is all there is.
    return text
  }
}
