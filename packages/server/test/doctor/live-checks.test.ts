/** Owns the tests of the doctor's checks of a running daemon: each finds what it is for, and only then. */
import { describe, expect, it } from 'vitest'
import type { ConnectionRow } from '../../src/admin/inspect/rows.ts'
import type { Status, WorkerStatus } from '../../src/admin/status.ts'
import { checkDaemon, liveOf } from '../../src/doctor/checks/live-daemon.ts'
import { checkMachine } from '../../src/doctor/checks/live-machine.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { cpuTimes, type Observation, observe, pressureOf, softnetOf } from '../../src/doctor/observation.ts'
import { DELAY_BOUNDS, DURATION_BOUNDS, observe as count } from '../../src/metrics/histogram.ts'
import { status as statusAt } from '../admin/samples.ts'
import { FakeSystem, scene } from './fake-system.ts'

const SECONDS = 10

/** A status in which `change` was made to its worker, and to itself. */
function status(now: number, change: Partial<WorkerStatus> = {}, more: Partial<Status> = {}): Status {
  const base = statusAt(now, now, 0, 0)
  const idle = { loopActiveSeconds: 0, loopIdleSeconds: now / 1000, cpuSeconds: 0 }
  return { ...base, workers: base.workers.map((worker) => ({ ...worker, ...idle, ...change })), ...more }
}

function observation(now: number, seen: Status, files: Readonly<Record<string, string>> = {}): Observation {
  const system = new FakeSystem(files)
  return observe(system, { status: seen, talkers: [], slow: [], missing: [] }, now)
}

interface Two {
  readonly before?: Status
  readonly after?: Status
  readonly filesBefore?: Readonly<Record<string, string>>
  readonly filesAfter?: Readonly<Record<string, string>>
  readonly slow?: readonly ConnectionRow[]
}

function found(
  { before, after, filesBefore, filesAfter, slow }: Two,
  environment: Record<string, string> = {},
): Finding[] {
  const first = observation(0, before ?? status(0), filesBefore)
  const second = observation(SECONDS * 1000, after ?? status(SECONDS * 1000), filesAfter)
  const withSlow = { ...second, sample: { ...second.sample, slow: slow ?? [] } }
  const live = liveOf(scene(environment), first, withSlow)
  return [...checkDaemon(live), ...checkMachine(live)]
}

function of(check: string, findings: readonly Finding[]): Finding | undefined {
  return findings.find((finding) => finding.check === check)
}

const AT_END = SECONDS * 1000

describe('a daemon with nothing to do', () => {
  it('has nothing found but that all is fine', () => {
    const findings = found({})
    expect(findings.filter(({ level }) => level !== 'fine')).toEqual([])
    expect(findings.length).toBeGreaterThan(6)
  })
})

describe('the daemon itself', () => {
  it('is told not to be ready, with the reasons', () => {
    const after = status(AT_END, {}, { ready: false, reasons: ['no worker serves'] })
    expect(of('ready', found({ after }))).toMatchObject({ level: 'critical', read: '/readyz: no worker serves' })
  })

  it('with full loops is told so, and what else there is on this machine', () => {
    const after = status(AT_END, { loopActiveSeconds: 9.9, loopIdleSeconds: 0.1 })
    const full = of('event-loop', found({ after }, { SHARDWIRE_WORKERS: '1' }))
    expect(full).toMatchObject({ level: 'critical', mend: ['SHARDWIRE_WORKERS=4'] })
    expect(of('event-loop', found({ after }))?.why).toContain('every core')
  })

  it('with one full loop among idle ones is uneven', () => {
    const both = (first: Partial<WorkerStatus>, now: number): Status => {
      const [one] = status(now, first).workers
      const [two] = status(now).workers
      if (one === undefined || two === undefined) throw new Error('no workers')
      return { ...status(now), workers: [one, { ...two, worker: 1 }] }
    }
    const after = both({ loopActiveSeconds: 9.9, loopIdleSeconds: 0.1 }, AT_END)
    const finding = of('event-loop', found({ before: both({}, 0), after }))
    expect(finding).toMatchObject({ level: 'warning', title: 'one event loop is full' })
  })

  it('whose loops are held is told to look for who computes', () => {
    const after = status(AT_END)
    for (const worker of after.workers) for (let n = 0; n < 50; n++) count(worker.loopDelay, DELAY_BOUNDS, 0.3)
    expect(of('loop-delay', found({ after }))).toMatchObject({ level: 'warning' })
  })

  it('with a full primary is told of the other way to accept', () => {
    const busy = { ...status(AT_END).primary, loopActiveSeconds: 9, loopIdleSeconds: 1 }
    const finding = of('primary', found({ after: status(AT_END, {}, { primary: busy }) }))
    expect(finding).toMatchObject({ level: 'warning', mend: ['SHARDWIRE_ACCEPT=reuseport'] })
  })

  it.each([
    ['gc', { gcSeconds: 2 }, 'warning', 'SHARDWIRE_SEMI_SPACE_MB'],
    ['heap', { heapUsedBytes: 950, heapLimitBytes: 1000 }, 'warning', 'SHARDWIRE_HEAP_MB'],
    ['buffers', { bufferBytes: 900, bufferBytesMax: 1000 }, 'critical', 'SHARDWIRE_MAX_BUFFER_BYTES=2000'],
    ['files-in-use', { openFiles: 990, openFilesMax: 1000 }, 'critical', 'LimitNOFILE=2000'],
  ] as const)('near to its limit of %s is told how to raise it', (check, change, level, mend) => {
    const finding = of(check, found({ after: status(AT_END, change) }))
    expect(finding?.level).toBe(level)
    expect(finding?.mend.join()).toContain(mend)
  })

  it('at its limit of connections is told so, though nobody was refused meanwhile', () => {
    const withOpen = (connections: number, openFilesMax = 1000): Status => {
      const base = status(AT_END)
      const listeners = [
        { address: 'tcp://127.0.0.1:1', connections: connections - 1 },
        { address: 'tcp://127.0.0.1:2', connections: 1 },
      ]
      return { ...base, listeners, primary: { ...base.primary, openFilesMax } }
    }
    const limit: Record<string, string> = { SHARDWIRE_MAX_CONNECTIONS: '100' }
    const at = (after: Status, environment = limit): Finding | undefined =>
      of('connection-limit', found({ after }, environment))
    expect(at(withOpen(100))).toMatchObject({
      level: 'critical',
      read: '100 connections of SHARDWIRE_MAX_CONNECTIONS=100',
      mend: expect.arrayContaining(['SHARDWIRE_MAX_CONNECTIONS=200']),
    })
    expect(at(withOpen(85))?.level).toBe('warning')
    expect(at(withOpen(84))?.level).toBe('fine')
    // Where there is no limit, or open files end first, by what the daemon may have and not this shell.
    expect(at(withOpen(100), { SHARDWIRE_MAX_CONNECTIONS: '0' })).toBeUndefined()
    expect(at(withOpen(30, 70), { ...limit, SHARDWIRE_WORKERS: '1' })).toBeUndefined()
  })

  it('that refuses is told which limit it is', () => {
    const before = status(0, {}, { refusals: { RATE: 5, DENIED: 1 } })
    const after = status(AT_END, {}, { refusals: { RATE: 25, DENIED: 1 } })
    const finding = of('refusals', found({ before, after }))
    expect(finding).toMatchObject({ level: 'warning', read: 'refused meanwhile: RATE 20' })
    expect(finding?.mend.join()).toContain('SHARDWIRE_CONNECTION_RATE')
    expect(of('refusals', found({ before: after, after }))?.level).toBe('fine')
  })

  it('whose workers die is told so: loudly while it goes on', () => {
    const dead = { exits: { drained: 0, died: 3, failed: 0 } }
    expect(of('deaths', found({ after: status(AT_END, dead) }))).toMatchObject({ level: 'critical' })
    expect(of('deaths', found({ before: status(0, dead), after: status(AT_END, dead) }))).toMatchObject({
      level: 'note',
    })
  })

  it('with clients far away is told how far', () => {
    const after = status(AT_END)
    for (let n = 0; n < 100; n++) count(after.heartbeat, DURATION_BOUNDS, 3)
    expect(of('round-trip', found({ after }))).toMatchObject({
      level: 'note',
      mend: [expect.stringContaining('round-trip')],
    })
  })

  it('with a client that does not read is told which', () => {
    const slow = [{ id: 'x-1', unsentBytes: 70_000, hold: 'unsent' } as ConnectionRow]
    expect(of('slow-consumers', found({ slow }))).toMatchObject({ level: 'note', mend: ['shardwire conns x-1'] })
  })
})

function netstat(overflows: number, pressures = 0): Record<string, string> {
  return { '/proc/net/netstat': `TcpExt: ListenOverflows TCPMemoryPressures\nTcpExt: ${overflows} ${pressures}\n` }
}

function snmp(sent: number, again: number): Record<string, string> {
  return { '/proc/net/snmp': `Tcp: OutSegs RetransSegs\nTcp: ${sent} ${again}\n` }
}

function link(bytes: number, lost: number): Record<string, string> {
  const path = '/sys/class/net/eth0'
  return {
    [`${path}/operstate`]: 'up\n',
    [`${path}/speed`]: '1000\n',
    [`${path}/statistics/rx_bytes`]: `${bytes}\n`,
    [`${path}/statistics/tx_bytes`]: '0\n',
    [`${path}/statistics/rx_dropped`]: `${lost}\n`,
  }
}

const SOCKSTAT = { '/proc/net/sockstat': 'TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 900\n' }
const TCP_MEM = { '/proc/sys/net/ipv4/tcp_mem': '500\t750\t1000\n' }
const GROUP = '/sys/fs/cgroup/a'
const IN_GROUP = { '/proc/1/cgroup': '0::/a\n' }

describe('the machine under it', () => {
  it.each<readonly [string, Finding['level'], Record<string, string>, Record<string, string>]>([
    ['listen-overflow', 'critical', netstat(5), netstat(9)],
    ['listen-overflow', 'note', netstat(9), netstat(9)],
    ['listen-overflow', 'fine', netstat(0), netstat(0)],
    ['retransmits', 'warning', snmp(0, 0), snmp(10_000, 900)],
    ['retransmits', 'note', snmp(0, 0), snmp(10_000, 200)],
    ['retransmits', 'fine', snmp(0, 0), snmp(10_000, 20)],
    ['retransmits', 'fine', snmp(0, 0), snmp(20, 10)],
    ['tcp-memory-use', 'critical', {}, { ...SOCKSTAT, ...TCP_MEM }],
    [
      'tcp-memory-use',
      'critical',
      netstat(0, 1),
      { ...netstat(0, 2), ...SOCKSTAT, '/proc/sys/net/ipv4/tcp_mem': '1 2 99999' },
    ],
    ['link eth0', 'critical', link(0, 0), link(1.1e9, 0)],
    ['link eth0', 'warning', link(0, 5), link(1e6, 9)],
    ['link eth0', 'fine', link(0, 5), link(1e6, 5)],
    ['packets', 'warning', { '/proc/net/softnet_stat': '0 1 0\n' }, { '/proc/net/softnet_stat': '0 f 0\n' }],
    ['packets', 'note', { '/proc/net/softnet_stat': '0 1 0\n' }, { '/proc/net/softnet_stat': '0 1 2\n' }],
    ['cpu', 'warning', { '/proc/stat': 'cpu 0 0 0 0 0 0 0 0\n' }, { '/proc/stat': 'cpu 990 0 0 10 0 0 0 0\n' }],
    ['cpu', 'warning', { '/proc/stat': 'cpu 0 0 0 0 0 0 0 0\n' }, { '/proc/stat': 'cpu 300 0 0 500 0 0 0 200\n' }],
    ['cpu', 'fine', { '/proc/stat': 'cpu 0 0 0 0 0 0 0 0\n' }, { '/proc/stat': 'cpu 300 0 0 700 0 0 0 0\n' }],
    [
      'throttled',
      'critical',
      { ...IN_GROUP, [`${GROUP}/cpu.stat`]: 'nr_throttled 4\n' },
      { ...IN_GROUP, [`${GROUP}/cpu.stat`]: 'nr_throttled 9\n' },
    ],
    [
      'oom',
      'critical',
      { ...IN_GROUP, [`${GROUP}/memory.events`]: 'oom_kill 0\n' },
      { ...IN_GROUP, [`${GROUP}/memory.events`]: 'oom_kill 1\n' },
    ],
    [
      'memory-use',
      'warning',
      {},
      { ...IN_GROUP, [`${GROUP}/memory.current`]: '950\n', [`${GROUP}/memory.max`]: '1000\n' },
    ],
    ['memory-use', 'fine', {}, { '/proc/meminfo': 'MemTotal:  1000 kB\nMemAvailable:  500 kB\n' }],
    [
      'accept-wait',
      'warning',
      {},
      { '/proc/net/tcp': 'head\n   0: 0100007F:1CE8 00000000:0000 0A 00000000:00000F00 00:00000000 0\n' },
    ],
  ])('%s is %s', (check, level, filesBefore, filesAfter) => {
    const finding = of(check, found({ filesBefore, filesAfter }))
    expect(finding?.level).toBe(level)
    if (level !== 'fine') expect(finding?.why).not.toBe('')
  })

  it('is told no more than there is', () => {
    const machine = new Set(found({}).map(({ check }) => check))
    for (const check of ['listen-overflow', 'retransmits', 'cpu', 'oom', 'throttled', 'memory-use']) {
      expect(machine.has(check)).toBe(false)
    }
  })
})

it('files of the kernel are read as they are written', () => {
  expect(cpuTimes('cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 1 1\n')).toEqual({ all: 360, idle: 90, steal: 80 })
  expect(softnetOf('0000aa 00000002 00000001\n000000bb 00000010 00000000\n')).toEqual({ dropped: 18, squeezed: 1 })
  expect(pressureOf('some avg10=12.50 avg60=1.00 avg300=0.10 total=1\nfull avg10=0.00')).toBe(0.125)
  expect(pressureOf(undefined)).toBe(undefined)
})
