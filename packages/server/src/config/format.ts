/**
 * Owns how problems and the configuration in effect look on a terminal.
 * Must not know: where they are printed, or how values were read.
 * Invariant: a secret is printed as `NOT_SHOWN`, everything else as the text that would set it.
 */
import type { Config, Sources } from './config.ts'
import { addressText, LIMIT_PARAMETERS } from './listen-address.ts'
import type { OptionTable, Source } from './option.ts'
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
  const values = { ...config, listen: formatListen(config) }
  return formatTable(OPTIONS, values, sources)
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
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Every address with the limits in which it differs from the options. */
function formatListen(config: Config): string {
  return config.listen
    .map((listener) => {
      const limits = (['heartbeatMs', 'idleTimeoutMs', 'maxFrameBytes'] as const)
        .filter((limit) => listener[limit] !== config[limit])
        .map((limit) => `${LIMIT_PARAMETERS[limit]}=${listener[limit]}`)
      return [addressText(listener), limits.join('&')].filter((part) => part !== '').join('?')
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
