import { describe, expect, test } from 'vitest'

import { checkDemand, largestOf } from '../../src/preflight/requirements.ts'
import type { Check, Demand } from '../../src/preflight/requirements.ts'
import { listenOverflows, serverFacts, systemFacts } from '../../src/preflight/system-facts.ts'
import type { ServerFacts, SystemFacts } from '../../src/preflight/system-facts.ts'

const DEMAND: Demand = {
  connections: 100_000,
  isLocal: true,
  port: 7400,
  sourceAddresses: 'any',
  targetAddresses: 1,
  connectingMax: 128,
  processesMax: 256,
}
const AMPLE: SystemFacts = {
  cores: 8,
  descriptorsPerProcess: 20_000,
  filesMax: 2_466_170,
  filesOpen: 1000,
  portRange: '32768 60999',
  reservedPorts: '',
  portsPerAddress: 28_232,
  memoryAvailableBytes: 24e9,
  tcpBufferBytesMax: 4e9,
  backlogMax: 4096,
  synBacklogMax: 2048,
  conntrackMax: null,
  conntrackCount: null,
  processesMax: 90_000,
  listenOverflows: 0,
}
const SERVER: ServerFacts = {
  processes: [
    { pid: 1, descriptorsMax: 20_000, isParent: true },
    ...Array.from({ length: 6 }, (_, index) => ({ pid: index + 2, descriptorsMax: 20_000, isParent: false })),
  ],
}

function check(name: string, demand: Partial<Demand>, system: Partial<SystemFacts>, server = SERVER): Check {
  const checks = checkDemand({ ...DEMAND, ...demand }, { ...AMPLE, ...system }, server)
  const found = checks.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no check ${name}`)
  return found
}

test('where there is room for all nothing binds, and the largest number is that of the tightest limit', () => {
  const checks = checkDemand(DEMAND, AMPLE, SERVER)
  expect(checks.filter(({ state }) => state !== 'ok')).toEqual([])
  expect(checks.every(({ cure }) => cure === null)).toBe(true)
  const { connections, bound } = largestOf(checks)
  expect(bound?.name).toBe('descriptors of the server')
  expect(connections).toBe(6 * (20_000 - 64))
})

test('an open-files limit of the largest integer there is, as systemd sets it, is none', () => {
  const system = { filesMax: Number('9223372036854775807') }
  const found = check('open files of the system', { connections: 100_000_000 }, system)
  expect(found).toMatchObject({ state: 'ok', largest: null, have: 'no limit, 1000 open', cure: null })
})

describe.each<[string, Partial<Demand>, Partial<SystemFacts>, number, RegExp]>([
  ['descriptors of the generator', { processesMax: 4 }, {}, 79_744, /^ulimit -n 25064$/],
  ['descriptors of the server', { connections: 200_000 }, {}, 119_616, /SHARDWIRE_WORKERS=11/],
  ['open files of the system', {}, { filesMax: 150_000 }, 74_500, /^sysctl -w fs.file-max=\d+$/],
  ['local ports', { sourceAddresses: 2 }, {}, 50_816, /--source-addresses with 4 addresses/],
  ['memory', {}, { memoryAvailableBytes: 1e9 }, 34_614, /more memory/],
])('%s', (name, demand, system, largest, cure) => {
  test('bind, say for how many there is room, and what would mend it', () => {
    const found = check(name, demand, system)
    expect(found.state).toBe('binds')
    expect(found.largest).toBeGreaterThan(largest * 0.9)
    expect(found.largest).toBeLessThan(largest * 1.1)
    expect(found.cure).toMatch(cure)
  })
})

describe('what is only a warning', () => {
  test.each<[string, Partial<Demand>, Partial<SystemFacts>, RegExp]>([
    ['accept queue', { connectingMax: 3000 }, {}, /net.core.somaxconn=3000 .*the server's own backlog/],
    ['connection tracking', {}, { conntrackMax: 50_000, conntrackCount: 7 }, /nf_conntrack_max=110007/],
    ['the listening port', { port: 40_000 }, {}, /ip_local_reserved_ports=40000$/],
    ['the listening port', { port: 40_000 }, { reservedPorts: '50000-50010' }, /reserved_ports=50000-50010,40000$/],
  ])('%s', (name, demand, system, cure) => {
    const found = check(name, demand, system)
    expect(found).toMatchObject({ state: 'warning', largest: null })
    expect(found.cure).toMatch(cure)
  })

  test('is none where the port is reserved, or out of the range, or not ours', () => {
    expect(check('the listening port', { port: 40_000 }, { reservedPorts: '39000-41000' }).state).toBe('ok')
    expect(check('the listening port', { port: 7400 }, {}).state).toBe('ok')
    expect(check('the listening port', { port: 40_000, isLocal: false }, {}).state).toBe('ok')
  })
})

test('what is not known refuses nothing and says so', () => {
  const unknown = Object.fromEntries(Object.keys(AMPLE).map((name) => [name, null])) as unknown as SystemFacts
  const checks = checkDemand({ ...DEMAND, sourceAddresses: 1 }, unknown, { processes: [] })
  expect(largestOf(checks)).toEqual({ connections: Infinity, bound: null })
  const states = new Map(checks.map(({ name, state }) => [name, state]))
  expect(states.get('memory')).toBe('unknown')
  expect(states.get('descriptors of the server')).toBe('unknown')
  expect(states.get('local ports')).toBe('unknown')
})

test('several targets multiply the ports, and a server elsewhere costs this machine one socket', () => {
  expect(check('local ports', { sourceAddresses: 1, targetAddresses: 5 }, {}).state).toBe('ok')
  const away = check('memory', { isLocal: false }, { memoryAvailableBytes: 1e9 }).largest ?? 0
  expect(away).toBeGreaterThan((check('memory', {}, { memoryAvailableBytes: 1e9 }).largest ?? 0) * 1.5)
})

test('overflows of the accept queue are read by their name', () => {
  const netstat = 'TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 7 9\nIpExt: InNoRoutes\nIpExt: 0\n'
  expect(listenOverflows(netstat)).toBe(7)
  expect(listenOverflows(null)).toBe(null)
  expect(listenOverflows('TcpExt: Other\nTcpExt: 1\n')).toBe(null)
})

test('facts of this machine and of a process are found where the system tells them', () => {
  const facts = systemFacts()
  expect(facts.cores).toBeGreaterThan(0)
  const { processes } = serverFacts([process.pid], new Map([[process.pid, process.ppid]]))
  expect(processes).toMatchObject([{ pid: process.pid, isParent: false }])
  if (process.platform === 'linux') expect(processes[0]?.descriptorsMax).toBeGreaterThan(100)
})
