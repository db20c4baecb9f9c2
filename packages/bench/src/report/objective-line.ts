/**
 * Owns how an objective and what became of it look as a line of text.
 * Must not know: reports.
 * Invariant: the same for all commands.
 */
import type { ObjectiveResult } from '../options/objective.ts'
import { grouped } from './numbers.ts'

const LABEL_COLUMNS = 12

export function objectiveLine({ text, metric, actual, met }: ObjectiveResult): string {
  const shown =
    metric === 'rate' ? grouped(actual) : metric === 'errors' ? `${actual * 100} %` : `${grouped(actual)} us`
  return `${'objective'.padEnd(LABEL_COLUMNS)}${met ? 'met   ' : 'MISSED'}  ${text}, was ${shown}`
}
