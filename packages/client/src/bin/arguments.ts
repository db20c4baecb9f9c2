/**
 * Owns the command line: its flags, its words, its help.
 * Must not know: what a command does.
 * Invariant: never throws; a mistake becomes a sentence with what was expected.
 */
import { parseArgs } from 'node:util'
import type { ConnectOptions } from '../options.ts'
import { DnsResolver } from '../resolve/dns-resolver.ts'
import type { TlsOptions } from '../tls/tls-options.ts'
import { parseTarget } from './target.ts'
import { ANSWER_FORMS, type AnswerForm, answerFormOf, BODY_FORMS, type BodyForm } from './values.ts'

export const COMMANDS = ['request', 'send', 'ping', 'listen'] as const
export type CommandName = (typeof COMMANDS)[number]

/** What holds for every call. */
export interface CallSettings {
  readonly body: BodyForm
  readonly answer: AnswerForm
  /** undefined: the client's own default. */
  readonly timeoutMs: number | undefined
  readonly meta: Readonly<Record<string, string>> | undefined
}

export interface Arguments {
  readonly connect: ConnectOptions
  /** undefined: line by line from the input. */
  readonly command: CommandName | undefined
  /** What stands behind the command. */
  readonly words: readonly string[]
  readonly settings: CallSettings
  /** How many pings or messages; undefined: one ping, messages without end. */
  readonly count: number | undefined
  readonly isQuiet: boolean
}

export type Parsed =
  | { readonly kind: 'run'; readonly options: Arguments }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly message: string }

export const HELP = `shardwire-client: calls the routes of a shardwire server from a shell

  shardwire-client [flags] TARGET                        line by line; "help" there says what can be typed
  shardwire-client [flags] TARGET request ROUTE [BODY]   asks, and prints the answer
  shardwire-client [flags] TARGET send ROUTE [BODY]      sends a MESSAGE, which nobody answers
  shardwire-client [flags] TARGET ping                   prints how long a round trip takes, in milliseconds
  shardwire-client [flags] TARGET listen                 prints what the server sends, a line of JSON each

TARGET is host:port, tcp://host:port, tls://host:port or unix:/path; the port is 7400 unless set. ROUTE is a number;
with --codec json also a name. BODY - is read from the input.

how bodies are written and shown
  --body FORM           json, text, hex or none; json (msgpack on the wire, with {"$bytes": "00ff"},
                        {"$timestamp": "2026-01-02T03:04:05Z"} and {"$bigint": "1"} for what JSON lacks)
  --answer FORM         json, text or hex; as the body
  --meta KEY=VALUE      metadata beside the body; several
  --timeout-ms N        how long to wait for an answer; 3000
  --count N             pings to send (1), messages to wait for (no end)
  --quiet               no times

how to connect
  --codec CODEC         frame or json; frame
  --connect-timeout-ms N  for resolving, connecting, TLS and HELLO together; 5000
  --token TOKEN         what the service's authentication is given; better from SHARDWIRE_TOKEN, which ps does not show
  --tls                 as tls:// does
  --tls-ca FILE         the authorities that the server's certificate must come from
  --tls-cert FILE, --tls-key FILE   the client's own certificate
  --tls-server-name NAME, --tls-spiffe-id ID   who the server must be
  --tls-insecure        takes any certificate
  --local-address IP    of this machine
  --dns SERVER          resolves by this server, such as 10.0.0.53 or 127.0.0.1:5353; several
  --help, --version

exit codes: 0 done, 1 an error was answered or nothing was, 2 wrong arguments, 3 no connection, 130 Ctrl-C
`

const FLAGS = {
  body: { type: 'string' },
  answer: { type: 'string' },
  meta: { type: 'string', multiple: true },
  'timeout-ms': { type: 'string' },
  count: { type: 'string' },
  quiet: { type: 'boolean' },
  codec: { type: 'string' },
  'connect-timeout-ms': { type: 'string' },
  token: { type: 'string' },
  tls: { type: 'boolean' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-server-name': { type: 'string' },
  'tls-spiffe-id': { type: 'string' },
  'tls-insecure': { type: 'boolean' },
  'local-address': { type: 'string' },
  dns: { type: 'string', multiple: true },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

type Flags = ReturnType<typeof parseFlags>['values']

class WrongArgument extends Error {}

/** @param environment SHARDWIRE_TOKEN is looked for there */
export function parseArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Parsed {
  try {
    const { values, positionals } = parseFlags(args)
    if (values.help === true) return { kind: 'help' }
    if (values.version === true) return { kind: 'version' }
    const [target, command, ...words] = positionals
    if (target === undefined) throw new WrongArgument('a target is missing: expected host:port')
    return {
      kind: 'run',
      options: {
        connect: connectOptions(target, values, environment),
        command: command === undefined ? undefined : commandOf(command),
        words,
        settings: callSettings(values),
        count: wholeNumber('count', values.count),
        isQuiet: values.quiet === true,
      },
    }
  } catch (error) {
    // Node's own message goes on to explain what nobody asked.
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    return { kind: 'wrong', message }
  }
}

function parseFlags(args: readonly string[]) {
  return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true })
}

function commandOf(word: string): CommandName {
  const command = COMMANDS.find((one) => one === word)
  if (command !== undefined) return command
  throw new WrongArgument(`there is no command ${JSON.stringify(word)}: expected ${COMMANDS.join(', ')}, or none`)
}

function callSettings(values: Flags): CallSettings {
  const body = oneOf('body', values.body ?? 'json', BODY_FORMS)
  const answer = values.answer === undefined ? answerFormOf(body) : oneOf('answer', values.answer, ANSWER_FORMS)
  return { body, answer, timeoutMs: wholeNumber('timeout-ms', values['timeout-ms']), meta: metaOf(values.meta) }
}

function metaOf(pairs: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  if (pairs === undefined) return undefined
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
      if (key === '') throw new WrongArgument(`--meta: expected KEY=VALUE, got ${JSON.stringify(pair)}`)
      return [key, value]
    }),
  )
}

function connectOptions(
  target: string,
  values: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): ConnectOptions {
  const parsed = parseTarget(target)
  if (typeof parsed === 'string') throw new WrongArgument(`target: ${parsed}`)
  const codec = oneOf('codec', values.codec ?? 'frame', ['frame', 'json'] as const)
  const token = values.token ?? environment['SHARDWIRE_TOKEN']
  if (codec === 'json' && values.token !== undefined) throw new WrongArgument('--token: codec json has no such thing')
  return {
    ...parsed.where,
    codec,
    tls: tlsOptions(values, parsed.isTls),
    timeoutMs: wholeNumber('connect-timeout-ms', values['connect-timeout-ms']),
    localAddress: values['local-address'],
    ...(codec === 'json' ? {} : { hello: { name: 'shardwire-client', token } }),
    ...(values.dns === undefined ? {} : { resolver: new DnsResolver({ servers: values.dns }) }),
  }
}

function tlsOptions(values: Flags, isTls: boolean): TlsOptions | undefined {
  const options: TlsOptions = {
    caFile: values['tls-ca'],
    certFile: values['tls-cert'],
    keyFile: values['tls-key'],
    serverName: values['tls-server-name'],
    spiffeId: values['tls-spiffe-id'],
    ...(values['tls-insecure'] === true ? { rejectUnauthorized: false } : {}),
  }
  const asked = Object.values(options).some((value) => value !== undefined)
  return isTls || values.tls === true || asked ? options : undefined
}

function oneOf<Value extends string>(flag: string, text: string, values: readonly Value[]): Value {
  const value = values.find((one) => one === text)
  if (value !== undefined) return value
  throw new WrongArgument(`--${flag}: expected ${values.join(', ')}, got ${JSON.stringify(text)}`)
}

function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new WrongArgument(`--${flag}: expected a whole number from 1 to 999999999, got ${JSON.stringify(text)}`)
}
