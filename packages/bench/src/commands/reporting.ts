/**
 * Owns where the results of a command go: JSON, HTML and other files, the terminal.
 * Must not know: commands, what stands in a report.
 * Invariant: that every file can be written is known before anything is measured. With `--json -` standard output is
 * the JSON report alone, and all that is for people goes to standard error.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'

import type { Output, Outputs } from '../output.ts'
import { checkReportFile, writeReportFile } from '../report/report-file.ts'

export interface ReportFiles {
  /** `-` for standard output. */
  readonly json: string | undefined
  readonly html: string | undefined
  /** A directory that gets every kind of file. */
  readonly out: string | undefined
}

/** What a report can be written as; what is not a thing for it is undefined. */
export interface Written {
  readonly json: string
  readonly html: string
  /** Other files by their names in the directory. */
  readonly others: Readonly<Record<string, string>>
}

/** Where text for people goes. */
export function textOutput({ json }: Pick<ReportFiles, 'json'>, { out, err }: Outputs): Output {
  return json === '-' ? err : out
}

/** @throws EnvironmentError when a report could not be written in the end */
export function checkReportFiles({ json, html, out }: ReportFiles): void {
  for (const file of [json, html]) if (file !== undefined && file !== '-') checkReportFile(file)
  if (out === undefined) return
  makeDirectory(out)
  checkReportFile(path.join(out, 'report.json'))
}

export function writeReport({ json, html, out }: ReportFiles, written: Written, outputs: Outputs): void {
  if (json === '-') outputs.out.write(written.json)
  else if (json !== undefined) writeReportFile(json, written.json)
  if (html !== undefined) writeReportFile(html, written.html)
  if (out === undefined) return
  const files = { 'report.json': written.json, 'report.html': written.html, ...written.others }
  for (const [name, text] of Object.entries(files)) writeReportFile(path.join(out, name), text)
}

/** A report as the text of its file. */
export function jsonOf(report: object): string {
  return `${JSON.stringify(report, undefined, 2)}\n`
}

function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true })
}
