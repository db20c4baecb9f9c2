/**
 * Owns what the doctor prints.
 * Must not know: checks.
 */
import { byLevel, type Finding, type Level, LEVELS } from './finding.ts'

/** What was looked at, and what was found. */
export interface Report {
  /** Where a daemon was asked for. */
  readonly address: string
  /** Its process; undefined where none runs. */
  readonly pid: number | undefined
  /** What could not be looked at, in sentences. */
  readonly remarks: readonly string[]
  readonly findings: readonly Finding[]
}

const SYSCTL_REMARK =
  'What sysctl -w sets lasts until the machine starts again; a file in /etc/sysctl.d with NAME = VALUE keeps it.'

/** Whether something should be done. */
export function isWell({ findings }: Report): boolean {
  return findings.every(({ level }) => level === 'fine' || level === 'note')
}

export function reportJson(report: Report): string {
  const { findings, ...facts } = report
  return JSON.stringify({ ...facts, well: isWell(report), counts: countsOf(findings), findings: byLevel(findings) })
}

/** @param showsFine whether what is fine is shown too */
export function reportText(report: Report, showsFine: boolean): string {
  const { address, pid, remarks, findings } = report
  const whom =
    pid === undefined
      ? `no daemon answers at ${address}: this is what a start would find`
      : `the daemon at ${address} (pid ${pid}), and what it runs on`
  const shown = byLevel(findings).filter(({ level }) => showsFine || level !== 'fine')
  const counts = countsOf(findings)
  const summary = LEVELS.toReversed().map((level) => `${counts[level]} ${level}`)
  const usesSysctl = shown.some(({ mend }) => mend.some((command) => command.startsWith('sysctl')))
  const paragraphs = [whom, ...remarks, ...shown.map(findingText), ...(usesSysctl ? [SYSCTL_REMARK] : [])]
  return [...paragraphs, `${findings.length} looked at: ${summary.join(', ')}`].join('\n\n')
}

function findingText({ check, level, title, read, why, mend }: Finding): string {
  const head = `${level.toUpperCase().padEnd(8)}  ${title}  [${check}]`
  const lines = [`  read  ${read}`, ...(why === '' ? [] : [`  why   ${why}`])]
  const mending = mend.map((command, index) => `  ${index === 0 ? 'mend' : '    '}  ${command}`)
  return [head, ...lines, ...mending].join('\n')
}

function countsOf(findings: readonly Finding[]): Record<Level, number> {
  const counts: Record<Level, number> = { fine: 0, note: 0, warning: 0, critical: 0 }
  for (const { level } of findings) counts[level]++
  return counts
}
