/**
 * Owns how problems and the configuration in effect look on a terminal.
 * Must not know: where they are printed, or how values were read.
 * Invariant: a secret is printed as `NOT_SHOWN`, everything else as the text that would set it.
 */
import { adminText } from './admin-address.ts'
import { codecTexts, hasPing } from './codec-parameters.ts'
import type { Config, Sources } from './config.ts'
import { addressText, placeParameters } from './listen-address.ts'
import { type ListenerOptions, OWN_PARAMETERS, TCP_OPTIONS } from './listen-parameters.ts'
import { mirrorText } from './mirror-address.ts'
import type { Option, OptionTable, Source } from './option.ts'
import { OPTIONS } from './options.ts'
import { NOT_SHOWN, printable, type Problem } from './problem.ts'

/** A block to read: how many there are, then one paragraph each. Ends without a line break. */
export function formatProblems(problems: readonly Problem[]): string {
  const many = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const paragraphs = problems.map(({ message, expected, example }) => {
    return `${message}\n  expected: ${expected}\n  example:  ${example}`
  })
  return [`${many} with the configuration`, ...paragraphs].join('\n\n')
}

/** A table of name, value and where it came from, as `shardwire config` prints it. Ends without a line break. */
export function formatEffective(config: Config, sources: Sources): string {
  return formatTable(OPTIONS, textsOf(config), sources)
}

/** One option in effect. */
export interface EffectiveOption {
  readonly name: string
  /** The text that would set it; of a secret that it is not shown. */
  readonly value: string
  readonly source: Source
}

/** The same as data. */
export function describeEffective(config: Config, sources: Sources): readonly EffectiveOption[] {
  const values = textsOf(config)
  return (Object.entries(OPTIONS) as [keyof Config, Option<unknown>][]).map(([key, { name, secret }]) => {
    return { name, value: formatValue(values[key], secret === true), source: sources[key] }
  })
}

/** One value of the configuration, as the text that would set it; a secret is not shown. */
export function formatValueOf(config: Config, key: keyof Config): string {
  const option: Option<unknown> = OPTIONS[key]
  return formatValue(textsOf(config)[key], option.secret === true)
}

/** Values whose text is not their JSON. */
function textsOf(config: Config): Readonly<Record<keyof Config, unknown>> {
  const mirror = config.mirror === null ? null : mirrorText(config.mirror)
  return { ...config, listen: formatListen(config), admin: adminText(config.admin), mirror }
}

/** Rows of any table, aligned. */
export function formatTable(
  table: OptionTable,
  values: Readonly<Record<string, unknown>>,
  sources: Readonly<Record<string, Source>>,
): string {
  const rows = Object.entries(table).map(([key, option]) => {
    return [option.name, formatValue(values[key], option.secret === true), sources[key] ?? '']
  })
  return alignColumns([['name', 'value', 'from'], ...rows])
}

function formatValue(value: unknown, isSecret: boolean): string {
  if (value === null || value === undefined) return '-'
  if (isSecret) return NOT_SHOWN
  if (isTexts(value)) return printable(value.join(','))
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}

/** A list, as it is written in a variable. */
function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Every address with the options in which it differs from the others. */
function formatListen(config: Config): string {
  return config.listen
    .map((listener) => {
      const own = (Object.keys(OWN_PARAMETERS) as (keyof ListenerOptions)[])
        .filter((key) => listener.scheme !== 'unix' || !TCP_OPTIONS.includes(key))
        .filter((key) => key !== 'heartbeatMs' || hasPing(listener.codec))
        .filter((key) => listener[key] !== config[key])
        .map((key) => `${OWN_PARAMETERS[key]}=${listener[key]}`)
      return [addressText(listener), [...placeParameters(listener), ...codecTexts(listener), ...own].join('&')]
        .filter(Boolean)
        .join('?')
    })
    .join(',')
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
