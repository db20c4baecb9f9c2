import { expect, test } from 'vitest'

import { LocalPorts } from '../../src/socket/local-ports.ts'

test.each([
  ['32768 60999', 28_232],
  ['1024 65535', 64_512],
  ['5000 5000', 1],
  ['5000 5002', 3],
  [undefined, 28_232],
])('all ports of %o come before one comes again', (range, count) => {
  const ports = new LocalPorts(range, () => 0.37)
  expect(ports.count).toBe(count)
  const seen = Array.from({ length: count }, () => ports.next('127.0.0.1'))
  const [first = 32_768, last = 60_999] = range?.split(' ').map(Number) ?? []
  expect(new Set(seen).size).toBe(count)
  expect([Math.min(...seen), Math.max(...seen)]).toEqual([first, last])
  expect(ports.next('127.0.0.1')).toBe(seen[0])
})

test('each address has its own place, and each process begins elsewhere', () => {
  const ports = new LocalPorts('32768 60999', () => 0)
  expect([ports.next('127.0.0.1'), ports.next('127.0.0.2')]).toEqual([32_768, 32_768])
  expect(new LocalPorts('32768 60999', () => 0.5).next('127.0.0.1')).not.toBe(32_768)
})
