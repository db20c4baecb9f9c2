import { expect, test } from 'vitest'

import { memoryBound } from '../../src/ladder/memory-guard.ts'
import type { LedgerEntry } from '../../src/observe/ledger.ts'

/** With so many bytes for each connection, a third at each of server, holders and kernel. */
function entry(connections: number, bytesEach: number, isLocal = true): LedgerEntry {
  const part = (connections * bytesEach) / (isLocal ? 3 : 2)
  const side = { processes: 1, residentBytes: part, proportionalBytes: null }
  const kernel = { connectionSlabBytes: part, slabBytes: null, tcpBufferBytes: 0, sockets: null, availableBytes: null }
  return {
    connections,
    server: isLocal ? side : null,
    generator: { ...side, heapBytes: 0, externalBytes: 0 },
    kernel,
  }
}

test('what connections took so far says what the next step will', () => {
  const before = entry(0, 0)
  const last = entry(100_000, 15_000)
  expect(memoryBound(200_000, before, last, 2_100_000_000)).toBe(null)
  const sentence = memoryBound(200_000, before, last, 1_900_000_000)
  expect(sentence).toContain('200,000 connections would need 1,500.0 MB more, 15,000 B for each')
  expect(sentence).toContain('1,900.0 MB are available')
  expect(memoryBound(200_000, before, last, null)).toBe(null)
})

test('the first step goes by what is usual, and a server elsewhere takes nothing here', () => {
  expect(memoryBound(1_000_000, entry(0, 0), entry(0, 0), 12_500_000_000)).toBe(null)
  expect(memoryBound(1_000_000, entry(0, 0), entry(0, 0), 11_000_000_000)).not.toBe(null)
  expect(memoryBound(1_000_000, entry(0, 0, false), entry(0, 0, false), 7_000_000_000)).toBe(null)
})
