/** Rules of what an error says about the server. */
import { ERROR_TABLE, errorRow, ShardwireError } from '@shardwire/protocol'
import { expect, it } from 'vitest'
import { outcomeOf } from '../../src/breaker/outcome.ts'
import { CLIENT_ERROR_TABLE, ClientError } from '../../src/index.ts'
import type { ClientErrorCode } from '../../src/index.ts'

it('takes for failures of the server what is late or makes no sense, and for refusals what is too much', () => {
  const outcomes = ERROR_TABLE.map(({ code }) => [errorRow(code)?.name, outcomeOf(new ShardwireError(code, 'x'))])
  const of = (outcome: string) => outcomes.filter(([, one]) => one === outcome).map(([name]) => name)
  expect(of('failure')).toEqual(['BAD_FRAME', 'BAD_CRC', 'FRAME_TOO_LARGE', 'DEADLINE_EXCEEDED', 'TIMEOUT'])
  expect(of('refused')).toEqual(['OVERLOADED', 'TOO_MANY_CONNECTIONS'])
  expect(of('success')).toContain('HANDLER_FAILED')
  expect(of('success')).toHaveLength(outcomes.length - 7)
})

it('takes nothing for a failure that the caller did', () => {
  const codes = Object.keys(CLIENT_ERROR_TABLE) as ClientErrorCode[]
  const of = (outcome: string) => codes.filter((code) => outcomeOf(new ClientError(code, 'x')) === outcome)
  expect(of('silence')).toEqual(['REQUEST_TIMEOUT'])
  expect(of('failure').toSorted()).toEqual(['BAD_ANSWER', 'CONNECTION_LOST', 'PROTOCOL_VIOLATION'])
  expect(of('void')).toHaveLength(codes.length - 4)
  expect(outcomeOf(new TypeError('x'))).toBe('void')
})
