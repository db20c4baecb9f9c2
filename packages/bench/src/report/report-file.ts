/**
 * Owns the way of a report to its file: that there is one is known before a run, not after it.
 * Must not know: what stands in the report, `-` for standard output.
 * Invariant: throws an EnvironmentError that names the file, what is wrong with it and what to do.
 */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { EnvironmentError } from '../exit-codes.ts'

/** Throws unless the file, or its directory while there is no file, can be written. Leaves nothing behind. */
export function checkReportFile(file: string): void {
  const target = path.resolve(file)
  const stats = orUnwritable(file, () => statSync(target, { throwIfNoEntry: false }))
  if (stats?.isDirectory() === true) throw unwritable(file, 'it is a directory')
  const directory = path.dirname(target)
  if (stats === undefined && !isDirectory(directory)) throw unwritable(file, `there is no directory ${directory}`)
  orUnwritable(file, () => accessSync(stats === undefined ? directory : target, constants.W_OK))
}

export function writeReportFile(file: string, text: string): void {
  orUnwritable(file, () => writeFileSync(file, text))
}

function isDirectory(directory: string): boolean {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true
}

function orUnwritable<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw unwritable(file, String(error), error)
  }
}

function unwritable(file: string, why: string, cause?: unknown): EnvironmentError {
  const sentence = `The report cannot be written to ${file === '' ? '""' : file} (${why})`
  return new EnvironmentError('REPORT_FILE', `${sentence}: name a file that can be written.`, cause)
}
