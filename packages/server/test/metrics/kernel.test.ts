/** Owns the tests of reading what the kernel says of TCP. */
import { expect, it } from 'vitest'
import { parseCounters, parseSockets, readKernel, readText } from '../../src/metrics/kernel.ts'

const SNMP = `Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens OutSegs RetransSegs
Tcp: 1 200 120000 -1 12 3456 7
`
const NETSTAT = `TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 1 22 333
`
const SOCKSTAT = `sockets: used 200
TCP: inuse 5 orphan 1 tw 2 alloc 9 mem 3
UDP: inuse 1 mem 0
`

it('counters are named by their group', () => {
  expect(parseCounters(SNMP).get('Tcp.RetransSegs')).toBe(7)
  expect(parseCounters(SNMP).get('Tcp.MaxConn')).toBe(-1)
  expect(parseCounters(NETSTAT).get('TcpExt.ListenOverflows')).toBe(22)
})

it('sockets are counted, and their memory is in bytes', () => {
  expect(parseSockets(SOCKSTAT)).toEqual({ inUse: 5, orphan: 1, timeWait: 2, allocated: 9, memory: 3 * 4096 })
})

it('all of it comes from four files', () => {
  const files = new Map([
    ['/proc/net/snmp', SNMP],
    ['/proc/net/netstat', NETSTAT],
    ['/proc/net/sockstat', SOCKSTAT],
    ['/proc/sys/net/ipv4/tcp_mem', '10\t20\t30\n'],
  ])
  const { counters, sockets, memoryMax } = readKernel((path) => files.get(path))
  expect(counters.get('Tcp.OutSegs')).toBe(3456)
  expect(counters.get('TcpExt.ListenDrops')).toBe(333)
  expect(sockets?.inUse).toBe(5)
  expect(memoryMax).toBe(30 * 4096)
})

it('where there is no /proc nothing is known, and nothing fails', () => {
  expect(readKernel(() => undefined)).toEqual({ counters: new Map(), sockets: undefined, memoryMax: undefined })
})

it.skipIf(process.platform !== 'linux')('this machine has what is shown', () => {
  const { counters, sockets } = readKernel(readText)
  expect(counters.get('Tcp.OutSegs')).toBeGreaterThanOrEqual(0)
  expect(counters.get('TcpExt.ListenOverflows')).toBeGreaterThanOrEqual(0)
  expect(sockets?.allocated).toBeGreaterThanOrEqual(0)
})
