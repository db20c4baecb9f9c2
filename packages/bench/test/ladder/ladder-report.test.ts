import { expect, test } from 'vitest'

import { flatReasons } from '../../src/ladder/ladder-report.ts'

/** A server of so many processes, and bytes for each connection by their number. */
function steps(processes: number, bytes: Readonly<Record<number, number>>): Parameters<typeof flatReasons>[0] {
  const side = { processes, residentBytes: 0, proportionalBytes: null }
  const generator = { ...side, heapBytes: 0, externalBytes: 0 }
  const kernel = {
    connectionSlabBytes: null,
    slabBytes: null,
    tcpBufferBytes: null,
    sockets: null,
    availableBytes: null,
  }
  return Object.entries(bytes).map(([count, server]) => {
    const connections = Number(count)
    const ledger = { connections, server: side, generator, kernel }
    return { connections, ledger, perConnection: { server, generator: null, generatorHeap: null, kernel: null } }
  })
}

test('memory for each connection that grows with their number is told', () => {
  const reasons = flatReasons(steps(3, { 10_000: 1500, 50_000: 1400, 100_000: 1700 }))
  expect(reasons).toEqual([
    "The server's memory for each connection is not flat: 1400 B with 50000 connections, 1700 B with 100000.",
  ])
})

test('memory that falls, since what a process takes is shared by more, is flat', () => {
  expect(flatReasons(steps(52, { 250_000: 1311, 500_000: 1136, 750_000: 1066, 1_000_000: 1115 }))).toEqual([])
})

test('few connections for each process tell nothing', () => {
  expect(flatReasons(steps(52, { 10_000: 500, 50_000: 4000, 100_000: 9000, 200_000: 1000 }))).toEqual([])
})
