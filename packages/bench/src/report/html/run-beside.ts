/**
 * Owns the parts of a run's page that stand beside its latencies: what else the load did, and how the generator fared.
 * Must not know: the other parts, how a page is written.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import type { RunReport } from '../schema/run.ts'
import type { Facts, Table } from './page.ts'
import { inBytes, inGroups, inPercent, inUs } from './words.ts'

export function besideFacts({ idle, churn, slow, open }: RunReport): Facts[] {
  const rows: (readonly [string, string])[] = []
  if (open !== null) {
    const { due, held, late, unsent, dropped, censored } = open
    const [all, waited, tardy] = [due, held, late].map(inGroups)
    const counts = `${waited} waited for room in their connection, ${tardy} were late by the generator's fault`
    const [silent, never, lost] = [censored, unsent, dropped].map(inGroups)
    const ends = `${silent} had no answer by the end, ${never} of them unsent; ${lost} dropped`
    rows.push(['frames', `${all} due: ${counts}; ${ends}`])
  }
  if (idle !== null) {
    const { held, lost, connectsPerSecond, pings, sweep } = idle
    const [rate, gone, pongs, living, asked] = [connectsPerSecond, lost, pings, sweep.alive, sweep.asked].map(inGroups)
    const opened = `opened at ${rate}/s, ${gone} lost, ${pongs} PINGs answered`
    const alive = `${living} of ${asked} answered when asked, at most ${inUs(sweep.answer.maxUs)}`
    rows.push(['idle connections', `${inGroups(held)} held, ${opened}; ${alive}`])
  }
  if (churn !== null) {
    const { due, answered, failed, connect, firstAnswer } = churn
    const times = `p99 of connect ${inUs(connect.p99Us)}, of the first answer ${inUs(firstAnswer.p99Us)}`
    rows.push([
      'coming and going',
      `${inGroups(answered)} of ${inGroups(due)} answered, ${inGroups(failed)} failed; ${times}`,
    ])
  }
  if (slow !== null) {
    const { up, bytesRead, ended } = slow
    rows.push(['slow readers', `${up} at the end, ${inBytes(bytesRead)} read, the server ended ${inGroups(ended)}`])
  }
  return rows.length === 0 ? [] : [{ kind: 'facts', title: 'Beside the latencies', isOpen: true, rows }]
}

export function generatorTable({ processes, hiccups, observed }: RunReport): Table {
  const rows = processes.map((self) => {
    const length = Math.max(1, self.lengthUs)
    return [
      `load process ${self.process}`,
      inPercent(self.loopBusy),
      inPercent(self.spinUs / length),
      inUs(self.loopDelayP99Us),
      inUs(self.loopDelayMaxUs),
      `${inUs(self.gcUs)} in ${self.gcCount}`,
    ]
  })
  const control = ['a process with nothing to do', '', '', inUs(hiccups.p99Us), inUs(hiccups.maxUs), '']
  const server = observed.server === null ? 'The server could not be seen.' : `Server: ${observed.server.command}`
  return {
    kind: 'table',
    title: 'The generator itself',
    note: `How busy it was, and how late it was woken. ${server}`,
    isWide: true,
    head: ['', 'busy', 'spinning', 'late p99', 'late max', 'garbage collection'],
    rows: [...rows, control],
  }
}
