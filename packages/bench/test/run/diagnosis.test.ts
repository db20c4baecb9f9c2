import { expect, test } from 'vitest'

import { EnvironmentError } from '../../src/exit-codes.ts'
import { targetUrl } from '../../src/options/target.ts'
import { diagnose } from '../../src/run/diagnosis.ts'
import { checkDescriptors } from '../../src/run/system-limits.ts'

const TARGET = { host: '127.0.0.1', port: 7400 }

test.each([
  ['ECONNREFUSED', 'start the server'],
  ['ENOTFOUND', 'check its spelling'],
  ['EAI_AGAIN', 'check its spelling'],
  ['EMFILE', 'ulimit -n'],
  ['EADDRNOTAVAIL', 'ip_local_port_range'],
  ['ECONNRESET', 'connection limits'],
  ['CLOSED_EARLY', 'connection limits'],
  ['CONNECT_STALLED', 'listen backlog'],
  ['ETIMEDOUT', 'firewall'],
  ['EHOSTUNREACH', 'the network'],
  ['EWHATEVER', 'Check address and server'],
])('%s is told with its remedy and its code', (code, remedy) => {
  const error = diagnose(TARGET, { code, message: 'what the system says', connected: 12 })
  expect(error).toBeInstanceOf(EnvironmentError)
  expect(error.message).toContain(remedy)
  expect(error.message).toContain(`(${code})`)
})

test('too few descriptors are told before a run, with the number that is needed', () => {
  expect(() => checkDescriptors(2000, 1024)).toThrow(/needs 2064 file descriptors and may have 1024.*at most 960/)
  expect(() => checkDescriptors(960, 1024)).not.toThrow()
  expect(() => checkDescriptors(2000, undefined)).not.toThrow()
})

test('an IPv6 address stands in brackets', () => {
  expect(targetUrl({ host: '::1', port: 1 })).toBe('tcp://[::1]:1')
})
