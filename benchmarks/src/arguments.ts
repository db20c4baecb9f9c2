/**
 * Owns the command line: its flags, its words, its help.
 * Must not know: what the cases do; it is given their names.
 * Invariant: never throws; a mistake becomes a sentence with what was expected.
 */
import { parseArgs } from 'node:util'

export const GROUPS = ['micro', 'macro', 'offload', 'slow-readers', 'client', 'accept', 'memory', 'storm'] as const
export type Group = (typeof GROUPS)[number]

/** What names a case: `macro` and `message 64 B x64` give `macro/message-64B-x64`. */
export interface CaseName {
  readonly group: Group
  readonly name: string
}

export interface Arguments {
  /** null: each group has a number of its own. */
  readonly rounds: number | null
  readonly seconds: number | null
  readonly connections: number | null
  readonly jsonFile: string | null
  readonly words: readonly string[]
}

export type Parsed =
  | { readonly kind: 'run'; readonly options: Arguments }
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | { readonly kind: 'wrong'; readonly message: string }

export const HELP = `npm run benchmarks -- [words] [flags]

Measures the daemon against peers that do the same work, in interleaved rounds, and prints medians, the spread (lowest
to highest), and ratios that are taken within each round. A ratio above 1 means that the one named first is better.

words choose what runs; without any, everything does (by the settings below a quarter of an hour)
  micro           parts of the protocol package against what they replace, in one process
  macro           echoes through the daemon, one worker, against Go net and hand-written Node; a limit in C
  offload         how late an echo is while threads compute digests, against without
  slow-readers    how late an echo is beside a thousand clients that send and never read, against without
  client          requests a second of one client process, against one written by hand
  accept          connections accepted a second
  memory          resident bytes by connection: idle, stuck in the middle of a frame, after all have gone
  storm           a fleet of clients whose daemon is restarted, replaces its workers, or dies: until the last is back
  GROUP/NAME      one case by its whole name, or all that begin so
  anything else   only those whose name holds it: 64B, request, decode; of several, those whose name holds them all

flags
  --rounds N        rounds of each case (micro 7, macro 3, offload 5, slow-readers 5, client 5, accept 3, memory 3,
                    storm 3)
  --seconds S       time measured of each contestant in each round (micro 0.25, macro 3, offload 3,
                    slow-readers 3, client 3, accept 3); memory and storm have none
  --connections N   connections that memory opens (15000, or what the limit of descriptors allows); clients of storm
                    (10000, likewise)
  --json FILE       where the results go (benchmarks/results/<UTC time>.json)
  --list            names of all cases
  --help            this text

exit codes: 0 measured, 1 nothing could be measured, 2 wrong arguments, 130 interrupted (what was measured is written)
`

const ROUNDS_MAX = 1000
const SECONDS_MAX = 3600
const CONNECTIONS_MAX = 1_000_000

class WrongArgument extends Error {}

export function parseArguments(args: readonly string[]): Parsed {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        connections: { type: 'string' },
        json: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { kind: 'help' }
    if (values.list === true) return { kind: 'list' }
    if (values.json === '') throw new WrongArgument('--json: expected the name of a file, got nothing')
    const options = {
      rounds: wholeNumber('rounds', values.rounds, ROUNDS_MAX),
      seconds: seconds(values.seconds),
      connections: wholeNumber('connections', values.connections, CONNECTIONS_MAX),
      jsonFile: values.json ?? null,
      words: positionals,
    }
    return { kind: 'run', options }
  } catch (error) {
    // Node's own message goes on to explain what nobody asked.
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    return { kind: 'wrong', message }
  }
}

function wholeNumber(name: string, text: string | undefined, max: number): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value
  throw new WrongArgument(`--${name}: expected a whole number from 1 to ${max}, got ${JSON.stringify(text)}`)
}

function seconds(text: string | undefined): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (/^\d*\.?\d+$/.test(text) && value > 0 && value <= SECONDS_MAX) return value
  throw new WrongArgument(`--seconds: expected a number above 0 and up to ${SECONDS_MAX}, got ${JSON.stringify(text)}`)
}

/** The full name, as `--list` prints it and words are compared with. */
export function fullName({ group, name }: CaseName): string {
  return `${group}/${name}`
}

/**
 * The cases that the words choose. Groups and words with a slash each add what they name; of these, those stay whose
 * name holds every other word.
 * @returns a sentence when a word leaves none
 */
export function chooseCases<T extends CaseName>(cases: readonly T[], words: readonly string[]): readonly T[] | string {
  const selectors = words.filter((word) => isGroup(word) || word.includes('/'))
  const filters = words.filter((word) => !selectors.includes(word))
  const selections = selectors.map((word) => select(cases, word))
  const empty = selectors.find((_, index) => selections[index]?.length === 0)
  if (empty !== undefined) return noneOf(cases, empty)
  const within = selectors.length === 0 ? cases : cases.filter((one) => selections.some((some) => some.includes(one)))
  const chosen = within.filter((one) => filters.every((word) => fullName(one).includes(word)))
  return chosen.length > 0 ? chosen : noneOf(within, ...filters)
}

function isGroup(word: string): boolean {
  return (GROUPS as readonly string[]).includes(word)
}

/** A whole name is that case alone, although it may be the beginning of another's. */
function select<T extends CaseName>(cases: readonly T[], word: string): readonly T[] {
  const whole = cases.filter((one) => one.group === word || fullName(one) === word)
  return whole.length > 0 ? whole : cases.filter((one) => fullName(one).includes(word))
}

function noneOf(cases: readonly CaseName[], ...words: readonly string[]): string {
  const asked = words.map((word) => JSON.stringify(word)).join(' and ')
  const names = cases.map((one) => `  ${fullName(one)}`).join('\n')
  return `no case has ${asked} in its name; expected ${GROUPS.join(', ')}, or a part of one of\n${names}`
}
