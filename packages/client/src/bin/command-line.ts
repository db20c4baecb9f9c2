/**
 * Owns which command runs, once or line by line, and which exit code its end has.
 * Must not know: the process it runs in.
 * Invariant: never throws; whatever happens becomes a message and an exit code. The connection is closed at the end.
 */
import process from 'node:process'
import { text as textOf } from 'node:stream/consumers'
import { ClientError } from '../client-error.ts'
import { type Arguments, HELP, parseArguments } from './arguments.ts'
import { runInteractive } from './interactive.ts'
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_CONNECTION, EXIT_OK, EXIT_USAGE, type Io } from './io.ts'
import { Session } from './session.ts'
import { errorText } from './told.ts'
import { BodyError } from './values.ts'
import { clientVersion } from './version.ts'

/** Wrong words behind a command. */
class UsageError extends Error {}

/** @returns the exit code */
export async function runCommandLine(args: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(args, process.env)
  if (parsed.kind === 'help' || parsed.kind === 'version') {
    io.out.write(parsed.kind === 'help' ? HELP : `${clientVersion()}\n`)
    return EXIT_OK
  }
  if (parsed.kind === 'wrong') return sayUsage(io, parsed.message)
  const { options } = parsed
  const session = new Session(io, options.connect, options.isQuiet)
  try {
    return options.command === undefined
      ? await runInteractive(session, io, options.settings)
      : await runOnce(session, io, options)
  } catch (error) {
    if (error instanceof UsageError) return sayUsage(io, error.message)
    io.err.write(`shardwire-client: ${errorText(error)}\n`)
    return exitCodeOf(error)
  } finally {
    await session.close()
  }
}

async function runOnce(session: Session, io: Io, options: Arguments): Promise<number> {
  const abort = new AbortController()
  const release = io.onInterrupt(() => {
    abort.abort()
  })
  try {
    if (options.command === 'listen') return await listen(session, io, options, abort.signal)
    await call(session, io, options, abort.signal)
    return EXIT_OK
  } catch (error) {
    if (abort.signal.aborted) return EXIT_INTERRUPTED
    throw error
  } finally {
    release()
  }
}

async function call(session: Session, io: Io, options: Arguments, signal: AbortSignal): Promise<void> {
  const { command, words, settings, count = 1 } = options
  if (command === 'ping') {
    if (words.length > 0) throw new UsageError(`ping: expected nothing more, got ${words.join(' ')}`)
    for (let sent = 0; sent < count; sent++) await session.ping(settings, signal)
    return
  }
  const [route, body, ...more] = words
  if (route === undefined) throw new UsageError(`${command}: expected a route`)
  if (more.length > 0) throw new UsageError(`${command}: expected one body, got ${more.length + 1}; quote it`)
  const text = body === '-' ? await textOf(io.input) : body
  await (command === 'send'
    ? session.send(route, text, settings, signal)
    : session.request(route, text, settings, signal))
}

/** Prints messages until enough came, the connection ends or Ctrl-C. */
async function listen(session: Session, io: Io, options: Arguments, signal: AbortSignal): Promise<number> {
  const { words, settings, count = Number.POSITIVE_INFINITY } = options
  if (words.length > 0) throw new UsageError(`listen: expected nothing more, got ${words.join(' ')}`)
  const ended = Promise.withResolvers<number>()
  let heard = 0
  session.onMessage = (message) => {
    if (heard >= count) return
    io.out.write(`${session.shownMessage(message, settings)}\n`)
    if (++heard === count) ended.resolve(EXIT_OK)
  }
  session.onClose = ({ error }) => {
    if (error !== undefined) io.err.write(`shardwire-client: ${errorText(error)}\n`)
    ended.resolve(error === undefined ? EXIT_OK : EXIT_FAILED)
  }
  await session.connection(signal)
  const onAbort = (): void => {
    ended.resolve(EXIT_OK)
  }
  signal.addEventListener('abort', onAbort)
  try {
    return await ended.promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof BodyError) return EXIT_USAGE
  if (!(error instanceof ClientError)) return EXIT_FAILED
  if (error.code === 'INVALID_OPTION') return EXIT_USAGE
  return error.phase === undefined ? EXIT_FAILED : EXIT_NO_CONNECTION
}

function sayUsage(io: Io, message: string): number {
  io.err.write(`shardwire-client: ${message}\nshardwire-client --help lists everything\n`)
  return EXIT_USAGE
}
