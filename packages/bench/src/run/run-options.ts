/**
 * Owns the way from the words behind `run` to its options, all checked at once.
 * Must not know: what a run does.
 * Invariant: options that come out are complete and in range; otherwise every problem there is comes out.
 */
import { parseArgs } from 'node:util'

import type { LoadMode } from '../messages.ts'
import { PERCENTILES, percentileOf } from './percentiles.ts'
import {
  CONNECTIONS_MAX,
  DEPTH_MAX,
  DURATION_S_MAX,
  IN_FLIGHT_MAX,
  PAYLOAD_BYTES_MAX,
  PROCESSES_MAX,
  RUN_FLAGS,
  WARMUP_S_MAX,
} from './run-flags.ts'

export interface RunTarget {
  readonly host: string
  readonly port: number
}

export interface RunOptions {
  readonly target: RunTarget
  readonly connections: number
  readonly depth: number
  readonly payloadBytes: number
  readonly durationMs: number
  readonly warmupMs: number
  readonly processes: number
  readonly mode: LoadMode
  readonly route: number
  /** The percentile that the run is made for, one of those reported. */
  readonly percentile: number
}

/** What `run` is told beside the load itself: where its report goes. */
export interface RunReporting {
  /** File for the JSON report, `-` for standard output. */
  readonly jsonFile: string | undefined
  readonly quiet: boolean
}

export interface OptionProblem {
  /** As it was written, with its dashes. */
  readonly name: string
  readonly value: string
  readonly expected: string
  readonly example: string
}

export type ParsedRun =
  | { readonly ok: true; readonly options: RunOptions; readonly reporting: RunReporting }
  | { readonly ok: false; readonly problems: readonly OptionProblem[] }

export function parseRun(args: readonly string[]): ParsedRun {
  const flags = new FlagReader(args)
  const target = flags.target('target')
  const options = {
    connections: flags.whole('connections', 1, CONNECTIONS_MAX),
    depth: flags.whole('depth', 1, DEPTH_MAX),
    payloadBytes: flags.whole('payload-bytes', 0, PAYLOAD_BYTES_MAX),
    durationMs: flags.seconds('duration-s', 0.05, DURATION_S_MAX) * 1000,
    warmupMs: flags.seconds('warmup-s', 0, WARMUP_S_MAX) * 1000,
    processes: flags.whole('processes', 1, PROCESSES_MAX),
    mode: flags.mode('mode'),
    route: flags.whole('route', 1, 4095),
    percentile: flags.percentile('percentile'),
  }
  flags.pair('processes', options.processes <= options.connections, 'not more than connections')
  flags.pair(
    'depth',
    options.connections * options.depth <= IN_FLIGHT_MAX,
    `connections x depth up to ${IN_FLIGHT_MAX}`,
  )
  const reporting = { jsonFile: flags.text('json'), quiet: flags.on('quiet') }
  if (target === undefined || flags.problems.length > 0) return { ok: false, problems: flags.problems }
  return { ok: true, options: { target, ...options }, reporting }
}

/** One line for every problem: name, value, what was expected, an example. */
export function describeProblems(problems: readonly OptionProblem[]): string {
  return problems
    .map(
      ({ name, value, expected, example }) => `  ${name} is ${value}: expected ${expected}, for example ${example}\n`,
    )
    .join('')
}

/** Reads flags one by one and gathers what is wrong with them; a wrong value reads as a harmless one. */
class FlagReader {
  readonly problems: OptionProblem[] = []
  readonly #values = new Map<string, string>()

  constructor(args: readonly string[]) {
    const options = Object.fromEntries(RUN_FLAGS.map(({ name, value }) => [name, { type: typeOf(value) }]))
    const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
    for (const token of tokens) {
      if (token.kind === 'option') this.#take(token.rawName, token.name, token.value)
      else if (token.kind === 'positional') this.#reject(token.value, 'here', 'flags only', '--depth 16')
    }
  }

  text(name: string): string | undefined {
    return this.#values.get(name) ?? RUN_FLAGS.find((flag) => flag.name === name)?.fallback
  }

  on(name: string): boolean {
    return this.#values.has(name)
  }

  whole(name: string, min: number, max: number): number {
    const text = this.text(name) ?? ''
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    this.#wrong(name)
    return min
  }

  seconds(name: string, min: number, max: number): number {
    const text = this.text(name) ?? ''
    const value = Number(text)
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return value
    this.#wrong(name)
    return min
  }

  mode(name: string): LoadMode {
    const text = this.text(name)
    if (text === 'message' || text === 'request') return text
    this.#wrong(name)
    return 'message'
  }

  percentile(name: string): number {
    const percentile = percentileOf(this.text(name) ?? '')
    if (percentile !== undefined) return percentile.percent
    this.#wrong(name)
    return PERCENTILES[0]?.percent ?? 0
  }

  target(name: string): RunTarget | undefined {
    const url = URL.parse(this.text(name) ?? '')
    const plain = url?.protocol === 'tcp:' && `${url.username}${url.pathname}${url.search}${url.hash}` === ''
    const port = Number(url?.port)
    if (url !== null && plain && url.hostname !== '' && port > 0) return { host: bare(url.hostname), port }
    this.#wrong(name)
    return undefined
  }

  /** A rule between two flags, blamed on one of them. */
  pair(name: string, holds: boolean, expected: string): void {
    const wrongAlready = this.problems.some((problem) => problem.name === `--${name}`)
    if (!holds && !wrongAlready) this.#reject(`--${name}`, this.text(name) ?? 'missing', expected, exampleOf(name))
  }

  #take(rawName: string, name: string, value: string | undefined): void {
    const flag = RUN_FLAGS.find((one) => one.name === name)
    if (flag === undefined) return this.#reject(rawName, 'unknown', 'a flag of run', 'those that --help shows')
    if (flag.value === '' && value !== undefined) return this.#reject(rawName, value, flag.expected, flag.example)
    if (flag.value !== '' && value === undefined) return this.#reject(rawName, 'empty', flag.expected, flag.example)
    this.#values.set(name, value ?? '')
  }

  #wrong(name: string): void {
    const known = this.problems.some((problem) => problem.name === `--${name}`)
    const flag = RUN_FLAGS.find((one) => one.name === name)
    if (known || flag === undefined) return
    this.#reject(`--${name}`, this.text(name) ?? 'missing', flag.expected, exampleOf(name))
  }

  #reject(name: string, value: string, expected: string, example: string): void {
    this.problems.push({ name, value, expected, example })
  }
}

function typeOf(value: string): 'string' | 'boolean' {
  return value === '' ? 'boolean' : 'string'
}

function exampleOf(name: string): string {
  return `--${name} ${RUN_FLAGS.find((flag) => flag.name === name)?.example ?? ''}`
}

/** `[::1]` stands in brackets in a URL only. */
function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
