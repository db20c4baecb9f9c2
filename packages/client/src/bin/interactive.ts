/**
 * Owns commands that are typed, or piped, line by line.
 * Must not know: how a command is carried out, the process it runs in.
 * Invariant: lines are carried out one after the other. Ctrl-C ends the call under way, and the program where there is
 * none; a line that fails does not end it. A connection that was lost is made again for the next call.
 */
import { createInterface, type Interface } from 'node:readline'
import type { CallSettings } from './arguments.ts'
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, type Io } from './io.ts'
import { FrameMessage } from '../codec/frame-message.ts'
import type { ServerRequest } from '../serve/server-request.ts'
import type { Session } from './session.ts'
import { errorText } from './told.ts'
import { ANSWER_FORMS, answerFormOf, BODY_FORMS, frameBodyOf } from './values.ts'

const HELP = `  request ROUTE [BODY]   asks, and prints the answer; "ROUTE [BODY]" will do
  send ROUTE [BODY]      sends a MESSAGE
  handle ROUTE [BODY]    answers with BODY whatever the server asks of ROUTE
  ping                   prints the time of a round trip in milliseconds
  body FORM              how bodies are written: ${BODY_FORMS.join(', ')}
  answer FORM            how answers are shown: ${ANSWER_FORMS.join(', ')}
  timeout MS             how long to wait for an answer
  stats                  numbers of the connection
  quit                   or Ctrl-D
`

/** What was typed is no command. */
class LineError extends Error {}

/** @returns the exit code: whether all lines succeeded */
export async function runInteractive(session: Session, io: Io, settings: CallSettings): Promise<number> {
  const prompt = new Prompt(session, io, settings)
  return await prompt.run()
}

class Prompt {
  readonly #session: Session
  readonly #io: Io
  readonly #lines: Interface
  #settings: CallSettings
  /** Ends the call under way. */
  #abort: AbortController | undefined
  #exitCode = EXIT_OK
  #isOver = false

  constructor(session: Session, io: Io, settings: CallSettings) {
    this.#session = session
    this.#io = io
    this.#settings = settings
    const { input, out, isTerminal } = io
    this.#lines = createInterface({ input, output: isTerminal ? out : undefined, terminal: isTerminal, prompt: '> ' })
  }

  async run(): Promise<number> {
    const release = this.#io.onInterrupt(() => {
      this.#onInterrupt()
    })
    // At a terminal readline takes Ctrl-C for itself.
    this.#lines.on('SIGINT', () => {
      this.#onInterrupt()
    })
    this.#session.onMessage = (message) => {
      this.#io.out.write(`${this.#session.shownMessage(message, this.#settings)}\n`)
      this.#prompt()
    }
    this.#session.onClose = ({ error }) => {
      if (error === undefined || this.#isOver) return
      this.#session.say(errorText(error))
      this.#prompt()
    }
    // From here on, or lines that come while it connects would be lost.
    const lines = this.#lines[Symbol.asyncIterator]()
    try {
      await this.#guarded(true, (signal) => this.#session.connection(signal))
      this.#prompt()
      for await (const line of lines) {
        await this.#guarded(false, (signal) => this.#carryOut(line.trim(), signal))
        if (this.#isOver) break
        this.#prompt()
      }
    } finally {
      this.#isOver = true
      release()
      this.#lines.close()
    }
    return this.#exitCode
  }

  #prompt(): void {
    if (this.#io.isTerminal && !this.#isOver) this.#lines.prompt(true)
  }

  #onInterrupt(): void {
    if (this.#abort !== undefined) {
      this.#abort.abort()
      return
    }
    this.#isOver = true
    this.#exitCode = EXIT_INTERRUPTED
    this.#lines.close()
  }

  /** Whatever goes wrong in a line is said, and the next one may do better. */
  async #guarded(isFirst: boolean, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    try {
      await work(abort.signal)
    } catch (error) {
      // A script has nobody who could start the server meanwhile.
      if (!(error instanceof Error) || (isFirst && !this.#io.isTerminal)) throw error
      this.#exitCode = EXIT_FAILED
      this.#session.say(error instanceof LineError ? error.message : errorText(error))
    } finally {
      this.#abort = undefined
    }
  }

  async #carryOut(line: string, signal: AbortSignal): Promise<void> {
    const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? []
    const session = this.#session
    switch (word) {
      case '':
        break
      case 'quit':
      case 'exit':
        this.#isOver = true
        break
      case 'help':
        session.say(HELP)
        break
      case 'request':
        await withRoute(rest, (route, body) => session.request(route, body, this.#settings, signal))
        break
      case 'send':
        await withRoute(rest, (route, body) => session.send(route, body, this.#settings, signal))
        break
      case 'handle':
        await withRoute(rest, (route, body) => this.#handle(route, body, signal))
        break
      case 'ping':
        await session.ping(this.#settings, signal)
        break
      case 'stats':
        this.#io.out.write(`${JSON.stringify(session.current?.stats ?? {})}\n`)
        break
      default:
        await this.#other(word, rest, signal)
    }
  }

  async #other(word: string, rest: string, signal: AbortSignal): Promise<void> {
    if (/^\d+$/.test(word)) {
      const body = rest === '' ? undefined : rest
      await this.#session.request(word, body, this.#settings, signal)
    } else if (word === 'body') {
      const body = formOf(rest, BODY_FORMS)
      this.#settings = { ...this.#settings, body, answer: answerFormOf(body) }
    } else if (word === 'answer') this.#settings = { ...this.#settings, answer: formOf(rest, ANSWER_FORMS) }
    else if (word === 'timeout') {
      if (!/^[1-9]\d{0,8}$/.test(rest))
        throw new LineError(`timeout: expected milliseconds, got ${JSON.stringify(rest)}`)
      this.#settings = { ...this.#settings, timeoutMs: Number(rest) }
    } else throw new LineError(`there is no command ${JSON.stringify(word)}; help lists all`)
  }

  /** Asked by the server, it answers always the same. */
  async #handle(route: string, body: string | undefined, signal: AbortSignal): Promise<void> {
    const answer = frameBodyOf(body, this.#settings.body)
    const handler = ({ route: asked, body: question, meta }: ServerRequest): Uint8Array => {
      const shown = new FrameMessage(asked, meta, question)
      this.#io.out.write(`${this.#session.shownMessage(shown, this.#settings)}\n`)
      return answer
    }
    await this.#session.handle(Number(route), handler, signal)
  }
}

async function withRoute(
  rest: string,
  work: (route: string, body: string | undefined) => Promise<void>,
): Promise<void> {
  const [, route = '', body = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? []
  if (route === '') throw new LineError('expected a route')
  await work(route, body === '' ? undefined : body)
}

function formOf<Form extends string>(word: string, forms: readonly Form[]): Form {
  const form = forms.find((one) => one === word)
  if (form !== undefined) return form
  throw new LineError(`expected ${forms.join(', ')}, got ${JSON.stringify(word)}`)
}
