/**
 * Owns a preflight's report as a page.
 * Must not know: how a page is written.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../../options/target.ts'
import { conclusion } from '../preflight-table.ts'
import type { PreflightReport } from '../schema/preflight.ts'
import { environmentFacts } from './environment-facts.ts'
import { pageOf } from './page.ts'
import type { Table } from './page.ts'
import { inGroups } from './words.ts'

const STATES = { ok: '✓', binds: '✕ binds', warning: '! warning', unknown: '? unknown' } as const

export function preflightPage(report: PreflightReport): string {
  const { target, connections, largest, checks, environment, commandLine, startedAt, version, isReached } = report
  const table: Table = {
    kind: 'table',
    title: 'Limits',
    note: '',
    isWide: true,
    isText: true,
    head: ['', 'limit', 'there is', 'needed', 'what would mend it'],
    rows: checks.map(({ state, name, have, need, cure }) => [STATES[state], name, have, need, cure ?? '']),
  }
  return pageOf({
    title: `Room for ${inGroups(connections)} connections`,
    lead: `${targetUrl(target)}, ${startedAt.slice(0, 16)}Z`,
    verdict: null,
    objectives: [{ text: conclusion(report), met: isReached }],
    tiles: [
      { name: 'asked for', value: inGroups(connections) },
      { name: 'possible now', value: largest === null ? 'unknown' : inGroups(largest) },
    ],
    sections: [table, environmentFacts(environment, commandLine)],
    foot: `shardwire-bench ${version}`,
  })
}
