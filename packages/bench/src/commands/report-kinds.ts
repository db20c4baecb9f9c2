/**
 * Owns which forms a report of each kind has: text for a terminal, JSON, a page, and other files.
 * Must not know: where they go.
 * Invariant: every kind that can be read has all of them.
 */
import { capacityTable } from '../report/capacity-table.ts'
import { comparisonTable } from '../report/comparison-table.ts'
import { comparisonPage } from '../report/html/comparison-page.ts'
import { preflightPage } from '../report/html/preflight-page.ts'
import { ladderTable } from '../report/ladder-table.ts'
import { preflightTable } from '../report/preflight-table.ts'
import type { AnyReport } from '../report/read-report.ts'
import { scaleTable } from '../report/scale-table.ts'
import type { ComparisonReport } from '../report/schema/comparison.ts'
import { runTable } from '../report/table.ts'
import { capacityFiles } from './capacity-command.ts'
import { ladderFiles } from './ladder-command.ts'
import { jsonOf } from './reporting.ts'
import type { Written } from './reporting.ts'
import { runFiles } from './run-command.ts'
import { scaleFiles } from './scale-command.ts'

export function tableOf(report: AnyReport): string {
  switch (report.schema) {
    case 'shardwire-bench/run/2':
      return runTable(report)
    case 'shardwire-bench/ladder/2':
      return ladderTable(report)
    case 'shardwire-bench/preflight/1':
      return preflightTable(report)
    case 'shardwire-bench/capacity/1':
      return capacityTable(report)
    case 'shardwire-bench/scale/1':
      return scaleTable(report)
    case 'shardwire-bench/comparison/1':
      return comparisonTable(report)
  }
}

export function filesOf(report: AnyReport): Written {
  switch (report.schema) {
    case 'shardwire-bench/run/2':
      return runFiles(report)
    case 'shardwire-bench/ladder/2':
      return ladderFiles(report)
    case 'shardwire-bench/preflight/1':
      return { json: jsonOf(report), html: preflightPage(report), others: {} }
    case 'shardwire-bench/capacity/1':
      return capacityFiles(report)
    case 'shardwire-bench/scale/1':
      return scaleFiles(report)
    case 'shardwire-bench/comparison/1':
      return comparisonFiles(report)
  }
}

export function comparisonFiles(report: ComparisonReport): Written {
  return { json: jsonOf(report), html: comparisonPage(report), others: {} }
}
