/**
 * Owns a preflight's report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold; every cure stands on a line of its own, as it can be
 * typed.
 */
import { targetUrl } from '../options/target.ts'
import { grouped, wrapped } from './numbers.ts'
import type { PreflightReport } from './schema/preflight.ts'

const SIGNS = { ok: 'ok', binds: 'BINDS', warning: 'warning', unknown: 'unknown' } as const
const STATE_COLUMNS = 9
const NAME_COLUMNS = 30

export function preflightTable(report: PreflightReport): string {
  const rows = report.checks.map(({ name, have, need, state, cure }) => {
    const head = `${SIGNS[state].padEnd(STATE_COLUMNS)}${name.padEnd(NAME_COLUMNS)}`
    const indent = ' '.repeat(STATE_COLUMNS)
    const lines = [`${head}${have}`, `${indent}${''.padEnd(NAME_COLUMNS)}needs ${need}`]
    if (cure !== null) lines.push(`${indent}-> ${wrapped(cure, indent)}`)
    return lines.join('\n')
  })
  const head = `${targetUrl(report.target)}  ${grouped(report.connections)} connections`
  return `\n${[head, '', ...rows, '', conclusion(report)].join('\n')}\n`
}

/** The most there can be, and what binds. */
export function conclusion({ largest, bound, connections, isReached }: PreflightReport): string {
  if (largest === null) return 'No limit is known that would bind.'
  const most = `${grouped(largest)} connections are possible now, bound by ${bound}`
  return isReached ? `All ${grouped(connections)} are within the known limits (${most}).` : `${most}.`
}
