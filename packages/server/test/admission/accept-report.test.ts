import { constants } from 'node:os'
import { FakeClock } from '@shardwire/testkit'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createAcceptReport } from '../../src/admission/accept-report.ts'

it('accepts that fail are told once a second, in words, with how many went untold', () => {
  const clock = new FakeClock()
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  const report = createAcceptReport(clock, log)
  for (let count = 0; count < 5; count++) report('tcp://127.0.0.1:7400', -constants.errno.EMFILE)
  clock.advance(1000)
  report('tcp://127.0.0.1:7400', -constants.errno.ECONNABORTED)
  expect(lines).toMatchObject([
    { event: 'accept-failed', code: 'EMFILE', suppressed: 0, msg: expect.stringContaining('LimitNOFILE') },
    { event: 'accept-failed', code: 'ECONNABORTED', suppressed: 4, address: 'tcp://127.0.0.1:7400' },
  ])
  expect(lines).toHaveLength(2)
})
