/**
 * Owns which of OpenTelemetry's standard variables are obeyed, and how they are read.
 * Must not know: OpenTelemetry's packages, what is traced.
 * Invariant: nothing is traced unless somebody named a collector. Those of the exporter alone (endpoint, headers,
 * certificates, compression, its timeout) are read by the exporter itself, and judged here only as far as it would
 * leave them unsaid.
 */
import { NOT_SHOWN, type Problem, quote } from '../config/problem.ts'
import type { Environment } from '../config/read-options.ts'

export type TraceProtocol = 'http/json' | 'http/protobuf'

export interface TraceSampler {
  /** What becomes of a request that nobody has decided about. */
  readonly root: 'on' | 'off' | 'ratio'
  /** Of `ratio`: 0 to 1. */
  readonly ratio: number
  /** Whether the caller's decision holds where there is one. */
  readonly isParentBased: boolean
}

export interface TraceSettings {
  readonly protocol: TraceProtocol
  readonly sampler: TraceSampler
  /** Of the queue of spans that wait to be exported. */
  readonly delayMs: number
  readonly timeoutMs: number
  readonly queueMax: number
  readonly batchMax: number
}

export interface ReadTraceSettings {
  /** Undefined where nothing is to be traced. */
  readonly settings: TraceSettings | undefined
  readonly problems: readonly Problem[]
}

const PROTOCOLS: readonly string[] = ['http/protobuf', 'http/json']
const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [name, `parentbased_${name}`])
const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const
const NUMBER_MAX = 2_147_483_647

/** @param env the environment of the daemon, with that of SHARDWIRE_ENV_FILE */
export function readTraceSettings(env: Environment): ReadTraceSettings {
  const reader = new Reader(env)
  const exporter = reader.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'none'], 'unset')
  const isNamed = exporter === 'otlp' || ENDPOINTS.some((name) => reader.text(name) !== undefined)
  const isOff = reader.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || exporter === 'none'
  if (isOff || (!isNamed && exporter === 'unset' && reader.problems.length === 0)) {
    return { settings: undefined, problems: [] }
  }
  for (const name of ENDPOINTS) reader.url(name)
  const general = reader.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', PROTOCOLS, 'http/protobuf')
  const protocol = reader.oneOf('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', PROTOCOLS, general) as TraceProtocol
  const settings: TraceSettings = {
    protocol,
    sampler: samplerOf(reader),
    delayMs: reader.number('OTEL_BSP_SCHEDULE_DELAY', 5000, 1),
    timeoutMs: reader.number('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 1),
    queueMax: reader.number('OTEL_BSP_MAX_QUEUE_SIZE', 2048, 1),
    batchMax: reader.number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1),
  }
  return { settings, problems: reader.problems }
}

/** What is wrong with the variables. */
export function traceProblems(env: Environment): readonly Problem[] {
  return readTraceSettings(env).problems
}

function samplerOf(reader: Reader): TraceSampler {
  const name = reader.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on')
  const root = name.endsWith('always_on') ? 'on' : name.endsWith('always_off') ? 'off' : 'ratio'
  const ratio = root === 'ratio' ? reader.part('OTEL_TRACES_SAMPLER_ARG', 1) : 1
  return { root, ratio, isParentBased: name.startsWith('parentbased_') }
}

class Reader {
  readonly problems: Problem[] = []
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  text(name: string): string | undefined {
    const value = this.#env[name]?.trim()
    return value === '' ? undefined : value
  }

  oneOf(name: string, values: readonly string[], otherwise: string): string {
    const value = this.text(name) ?? otherwise
    if (value === otherwise || values.includes(value)) return value
    this.#problem(name, `one of ${values.join(', ')}`, values[0] ?? '')
    return otherwise
  }

  number(name: string, otherwise: number, min: number): number {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= NUMBER_MAX) return value
    this.#problem(name, `a whole number from ${min} to ${NUMBER_MAX}`, String(otherwise))
    return otherwise
  }

  part(name: string, otherwise: number): number {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const value = Number(text)
    if (value >= 0 && value <= 1) return value
    this.#problem(name, 'a number from 0 to 1', '0.01')
    return otherwise
  }

  /** It may have a password in it, and is not shown. */
  url(name: string): void {
    const text = this.text(name)
    if (text === undefined) return
    const { protocol } = URL.parse(text) ?? {}
    if (protocol === 'http:' || protocol === 'https:') return
    this.#problem(name, 'http://host:port or https://host:port', 'http://127.0.0.1:4318', NOT_SHOWN)
  }

  #problem(name: string, expected: string, example: string, shown = quote(this.text(name) ?? '')): void {
    const message = `${name} is ${shown}, expected ${expected}`
    this.problems.push({ name, value: shown, expected, example: `${name}=${example}`, message })
  }
}
