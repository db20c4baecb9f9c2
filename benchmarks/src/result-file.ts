/**
 * Owns where results are kept as JSON.
 * Must not know: what stands in them.
 * Invariant: that there is a place to write is known before the first measurement; what is written fits the schema.
 */
import { accessSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { resultsSchema } from './results.ts'
import type { Results } from './results.ts'

const RESULTS = join(import.meta.dirname, '../results')

/**
 * The file that was asked for, or one named by the UTC time in benchmarks/results.
 * Throws an Error that says what is wrong with it.
 */
export function resultFile(asked: string | null, date: Date): string {
  if (asked === null) {
    mkdirSync(RESULTS, { recursive: true })
    return join(RESULTS, `${date.toISOString().replaceAll(':', '').slice(0, 17)}Z.json`)
  }
  const file = resolve(asked)
  const found = statSync(file, { throwIfNoEntry: false })
  if (found?.isDirectory() === true) throw new Error(`--json ${asked}: this is a directory; name a file`)
  try {
    accessSync(found === undefined ? dirname(file) : file, constants.W_OK)
  } catch (error) {
    throw new Error(`--json ${asked}: cannot be written (${String(error)}); name another file`, { cause: error })
  }
  return file
}

export function writeResults(file: string, results: Results): void {
  writeFileSync(file, `${JSON.stringify(resultsSchema.parse(results), undefined, 2)}\n`)
}
