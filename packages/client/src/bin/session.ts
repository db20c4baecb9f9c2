/**
 * Owns the connection that commands use, and what they have in common: asking, sending, pinging, showing.
 * Must not know: where commands come from.
 * Invariant: answers and messages go to `out`, a line each; all else to `err`.
 */
import { connect } from '../connect.ts'
import type { CloseInfo, Connection, Message } from '../connection-api.ts'
import type { ConnectOptions } from '../options.ts'
import type { RequestOptions, Route } from '../request-options.ts'
import type { RequestHandler } from '../serve/server-request.ts'
import type { CallSettings } from './arguments.ts'
import type { Io } from './io.ts'
import { dialText, errorText, msText } from './told.ts'
import { frameBodyOf, jsonBodyOf, shownFrameBody, shownMessageValue, shownValue } from './values.ts'

/** Asks, and says what came as it is shown. */
type Ask = (connection: Connection, route: Route, options: RequestOptions) => Promise<string>

export class Session {
  readonly #io: Io
  readonly #options: ConnectOptions
  readonly #isQuiet: boolean
  readonly #handlers: Record<number, RequestHandler> = {}
  #connection: Connection | undefined
  /** Who wants to know of messages. */
  onMessage: (message: Message) => void = ignore
  onClose: (close: CloseInfo) => void = ignore

  constructor(io: Io, options: ConnectOptions, isQuiet: boolean) {
    this.#io = io
    this.#options = options
    this.#isQuiet = isQuiet
  }

  /** The connection; a new one where there is none, or none any more. Rejects as `connect` does. */
  async connection(signal: AbortSignal): Promise<Connection> {
    if (this.#connection?.isOpen === true) return this.#connection
    const connection = await connect({
      ...this.#options,
      ...(this.#options.codec === 'json' ? {} : { handlers: { ...this.#handlers } }),
      signal,
      onMessage: (message) => {
        this.onMessage(message)
      },
      onClose: (close) => {
        this.onClose(close)
      },
      onGoaway: ({ reason, retry }) => {
        this.say(`the server is going away (${reason}), retry ${retry}`)
      },
      onError: (error, route) => {
        this.say(`${route === 0 ? 'the server says' : `message to route ${route}`}: ${errorText(error)}`)
      },
    })
    this.#connection = connection
    this.time(dialText(connection.dialed))
    return connection
  }

  /** Asks, and prints the answer. */
  async request(route: string, body: string | undefined, settings: CallSettings, signal: AbortSignal): Promise<void> {
    const { clock, out } = this.#io
    const options: RequestOptions = { signal, timeoutMs: settings.timeoutMs, meta: settings.meta }
    const ask = this.#options.codec === 'json' ? this.#askJson(body, settings) : this.#askFrame(body, settings)
    const connection = await this.connection(signal)
    const startedAtMs = clock.nowMs()
    const shown = await ask(connection, routeOf(route), options)
    const tookMs = clock.nowMs() - startedAtMs
    out.write(`${shown}\n`)
    this.time(`answered in ${msText(tookMs)}`)
  }

  /** A body that is none is told before anything is connected. */
  #askFrame(text: string | undefined, { body, answer }: CallSettings): Ask {
    const bytes = frameBodyOf(text, body)
    return async (connection, route, options) => shownFrameBody(await connection.request(route, bytes, options), answer)
  }

  #askJson(text: string | undefined, { body, answer }: CallSettings): Ask {
    const value = jsonBodyOf(text, body)
    return async (connection, route, options) => {
      const answered = await connection.requestValue(route, value, options)
      return answer === 'text' && typeof answered === 'string' ? answered : shownValue(answered)
    }
  }

  /** Sends a MESSAGE. */
  async send(route: string, body: string | undefined, settings: CallSettings, signal: AbortSignal): Promise<void> {
    const { meta, body: form } = settings
    const isJson = this.#options.codec === 'json'
    const value = isJson ? jsonBodyOf(body, form) : undefined
    const bytes = isJson ? undefined : frameBodyOf(body, form)
    const connection = await this.connection(signal)
    const takesMore = isJson
      ? connection.sendValue(routeOf(route), value, { meta })
      : connection.send(routeOf(route), bytes, { meta })
    if (!takesMore) await connection.drained()
  }

  /** Prints the time of a round trip in milliseconds. */
  async ping({ timeoutMs }: CallSettings, signal: AbortSignal): Promise<void> {
    const connection = await this.connection(signal)
    const tookMs = await connection.ping({ signal, timeoutMs })
    this.#io.out.write(`${tookMs.toFixed(3)}\n`)
  }

  /** A message as one line of JSON. */
  shownMessage(message: Message, { answer }: CallSettings): string {
    const { route, body, meta } = message
    const shown = answer === 'json' ? shownMessageValue(message) : shownFrameBody(body, answer)
    return JSON.stringify({ route, body: shown, ...(meta === undefined ? {} : { meta }) })
  }

  /** Who answers REQUESTs of the server to a route, on this connection and those that come after it. */
  async handle(route: number, handler: RequestHandler, signal: AbortSignal): Promise<void> {
    const connection = await this.connection(signal)
    connection.handle(route, handler)
    this.#handlers[route] = handler
  }

  /** For people. */
  say(text: string): void {
    this.#io.err.write(`${text}\n`)
  }

  /** For people who want to know how long something took. */
  time(text: string): void {
    if (!this.#isQuiet) this.say(text)
  }

  /** Waits for what is in flight, and closes. */
  async close(): Promise<void> {
    await this.#connection?.close()
  }

  get current(): Connection | undefined {
    return this.#connection
  }
}

/** A number, or else a name. */
function routeOf(word: string): Route {
  return /^\d+$/.test(word) ? Number(word) : word
}

function ignore(): void {
  // Nobody wants to know.
}
