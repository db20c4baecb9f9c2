import { describe, expect, test } from 'vitest'

import { capacityTable } from '../../src/report/capacity-table.ts'
import { capacityPage } from '../../src/report/html/capacity-page.ts'
import { inUs } from '../../src/report/html/words.ts'
import { grouped } from '../../src/report/numbers.ts'
import { capacityReportSchema } from '../../src/report/schema/capacity.ts'
import { capacityReportWith } from '../fixtures/capacity-report.ts'

const LONG =
  'A process with nothing to do was woken 123.45 ms late at p99.99, where the response time is 234.56 ms: the ' +
  'machine itself stalls, or is overbooked.'

describe('the report of a capacity search', () => {
  test.each([
    ['p50<100ms', 'p50', 'p50Us'],
    ['p90<100ms', 'p90', 'p90Us'],
    ['p99<100ms', 'p99', 'p99Us'],
    ['p99.9<100ms', 'p99.9', 'p999Us'],
    ['p99.99<1s', 'p99.99', 'p9999Us'],
    ['mean<100ms', 'mean', 'meanUs'],
    ['max<1s', 'max', 'maxUs'],
    ['rate>100', 'p99', 'p99Us'],
  ] as const)('for %s shows %s, in every form', (objective, name, key) => {
    const report = capacityReportWith(objective, LONG)
    expect(capacityReportSchema.safeParse(JSON.parse(JSON.stringify(report))).error).toBe(undefined)
    const us = report.trials[1]?.response[key] ?? NaN
    const page = capacityPage(report)
    const tile = /<div class="name">([^<]+ there)<\/div><div class="value">([^<]+)<span class="unit">([^<]+)</.exec(
      page,
    )
    expect(tile?.slice(1)).toEqual([`${name} there`, ...inUs(us).replace(' ', ' |').split('|')])
    expect(page).toContain(`<th>${name}</th>`)
    const [head, , row] = capacityTable(report).split('\n').slice(3)
    const column = head?.indexOf(` ${name} us`) ?? -1
    expect(column).toBeGreaterThan(0)
    expect(row?.slice(0, column + ` ${name} us`.length).endsWith(` ${grouped(us)}`)).toBe(true)
  })

  test('tells the whole of a reason, in lines that are not too long', () => {
    const text = capacityTable(capacityReportWith('p99<10ms', LONG))
    expect(text.replaceAll(/\s+/g, ' ')).toContain(`generator: ${LONG}`)
    expect(text).not.toContain('...')
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })

  test('has a short reason beside its trial', () => {
    expect(capacityTable(capacityReportWith('p99<10ms', 'p99<10ms was missed'))).toMatch(
      /^search .* generator: p99<10ms was missed$/m,
    )
  })
})
