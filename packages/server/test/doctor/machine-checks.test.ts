/** Owns the tests of the doctor's checks before a start: each finds what it is for, what mends it, and only then. */
import { TestAuthority } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { checkAllFiles, checkFilesSettable, checkOpenFiles } from '../../src/doctor/checks/files.ts'
import * as machine from '../../src/doctor/checks/machine.ts'
import * as network from '../../src/doctor/checks/network.ts'
import { checkPortRange, checkPorts } from '../../src/doctor/checks/ports.ts'
import { checkCertificate, checkSecretFiles, checkService } from '../../src/doctor/checks/secrets.ts'
import type { Finding, Level } from '../../src/doctor/finding.ts'
import type { Scene } from '../../src/doctor/scene.ts'
import { FakeSystem, scene } from './fake-system.ts'

/** One finding, of that level; everything that is not fine says why, and most how it is mended. */
function expectOne(findings: readonly Finding[], level: Level, mend?: string): Finding {
  expect(findings).toHaveLength(1)
  const [finding] = findings
  if (finding === undefined) throw new Error('nothing was found')
  expect(finding.level).toBe(level)
  expect(finding.read).not.toBe('')
  expect(finding.why !== '').toBe(level !== 'fine')
  if (mend !== undefined) expect(finding.mend.join('\n')).toContain(mend)
  return finding
}

type Case = readonly [
  name: string,
  check: (scene: Scene) => Finding[],
  bad: Scene,
  level: Level,
  mend: string,
  good: Scene,
]

const MANY = { SHARDWIRE_MAX_CONNECTIONS: '100000', SHARDWIRE_WORKERS: '4' }
const NO_COOKIES = { 'net.ipv4.tcp_syncookies': 0 }

function sysctl(settings: Readonly<Record<string, string | number>>): FakeSystem {
  return new FakeSystem().sysctl(settings)
}

const CLOCK = '/sys/devices/system/clocksource/clocksource0/current_clocksource'
const GROUP = { '/proc/self/cgroup': '0::/system.slice/x.service\n' }
const PIDS = '/sys/fs/cgroup/system.slice/x.service/pids.max'

const CASES: readonly Case[] = [
  [
    'open files that are too few for what is configured',
    checkOpenFiles,
    scene(MANY, new FakeSystem(), { descriptorLimit: 20_000 }),
    'critical',
    'LimitNOFILE=32768',
    scene(MANY),
  ],
  [
    'open files that are few at all',
    checkOpenFiles,
    scene({}, new FakeSystem(), { descriptorLimit: 1024 }),
    'warning',
    'ulimit -n 2097152',
    scene({}, new FakeSystem(), { descriptorLimit: 20_000 }),
  ],
  [
    'open files of the machine',
    checkAllFiles,
    scene(MANY, sysctl({ 'fs.file-max': 100_000, 'fs.file-nr': '5000\t0\t100000' })),
    'critical',
    'sysctl -w fs.file-max=131072',
    scene(MANY, sysctl({ 'fs.file-max': 2_000_000, 'fs.file-nr': '5000\t0\t2000000' })),
  ],
  [
    'open files that can be set',
    checkFilesSettable,
    scene({ ...MANY, SHARDWIRE_WORKERS: '1' }, sysctl({ 'fs.nr_open': 65_536 })),
    'critical',
    'sysctl -w fs.nr_open=131072',
    scene(MANY, sysctl({ 'fs.nr_open': 1_048_576 })),
  ],
  [
    'a short accept queue',
    network.checkAcceptQueue,
    scene({}, sysctl({ 'net.core.somaxconn': 128 })),
    'warning',
    'sysctl -w net.core.somaxconn=4096',
    scene({ SHARDWIRE_BACKLOG: '128' }, sysctl({ 'net.core.somaxconn': 128 })),
  ],
  [
    'few half-open connections',
    network.checkSynQueue,
    scene({}, sysctl({ 'net.ipv4.tcp_max_syn_backlog': 512, ...NO_COOKIES })),
    'warning',
    'tcp_max_syn_backlog=4096',
    scene({}, sysctl({ 'net.ipv4.tcp_max_syn_backlog': 512, 'net.ipv4.tcp_syncookies': 1 })),
  ],
  [
    'resets when the accept queue is full',
    network.checkOverflowReset,
    scene({}, sysctl({ 'net.ipv4.tcp_abort_on_overflow': 1 })),
    'warning',
    'tcp_abort_on_overflow=0',
    scene({}, sysctl({ 'net.ipv4.tcp_abort_on_overflow': 0 })),
  ],
  [
    'little memory for TCP',
    network.checkTcpMemory,
    scene(MANY, sysctl({ 'net.ipv4.tcp_mem': '10000\t20000\t30000' })),
    'warning',
    'net.ipv4.tcp_mem="100000 150000 200000"',
    scene(MANY, sysctl({ 'net.ipv4.tcp_mem': '100000\t200000\t300000' })),
  ],
  [
    'few tracked connections',
    network.checkConntrack,
    scene(MANY, sysctl({ 'net.netfilter.nf_conntrack_max': 65_536, 'net.netfilter.nf_conntrack_count': 10 })),
    'warning',
    'nf_conntrack_max=125000',
    scene(MANY, sysctl({ 'net.netfilter.nf_conntrack_max': 262_144, 'net.netfilter.nf_conntrack_count': 10 })),
  ],
  [
    'a table of tracked connections that is nearly full',
    network.checkConntrack,
    scene({}, sysctl({ 'net.netfilter.nf_conntrack_max': 65_536, 'net.netfilter.nf_conntrack_count': 60_000 })),
    'critical',
    '--dport 7400 -j NOTRACK',
    scene({}, sysctl({ 'net.netfilter.nf_conntrack_max': 65_536, 'net.netfilter.nf_conntrack_count': 40_000 })),
  ],
  [
    'too little memory',
    machine.checkMemory,
    scene({ SHARDWIRE_MAX_CONNECTIONS: '2000000' }, new FakeSystem(), { memoryBytes: 4 * 1024 ** 3 }),
    'critical',
    'SHARDWIRE_MAX_CONNECTIONS=6',
    scene(MANY),
  ],
  [
    'limits that are more than the memory',
    machine.checkMemory,
    scene({ SHARDWIRE_HEAP_MB: '1500', SHARDWIRE_MAX_BUFFER_BYTES: '1000000000' }),
    'warning',
    'SHARDWIRE_HEAP_MB=1024',
    scene(),
  ],
  [
    'reserved memory that counts as used',
    machine.checkOvercommit,
    scene({}, sysctl({ 'vm.overcommit_memory': 2 })),
    'warning',
    'vm.overcommit_memory=0',
    scene({}, sysctl({ 'vm.overcommit_memory': 0 })),
  ],
  [
    'more workers than cores',
    machine.checkCores,
    scene({ SHARDWIRE_WORKERS: '16' }),
    'note',
    'SHARDWIRE_WORKERS=4',
    scene({}, new FakeSystem(), { cores: 16 }),
  ],
  [
    'a slow clock',
    machine.checkClock,
    scene({}, new FakeSystem({ [CLOCK]: 'hpet\n' })),
    'note',
    'available_clocksource',
    scene({}, new FakeSystem({ [CLOCK]: 'tsc\n' })),
  ],
  [
    'too few threads in its control group',
    machine.checkProcesses,
    scene({}, new FakeSystem({ ...GROUP, [PIDS]: '50\n' })),
    'critical',
    'TasksMax=128',
    scene({}, new FakeSystem({ ...GROUP, [PIDS]: '500\n' })),
  ],
  [
    'swap before caches',
    machine.checkSwap,
    scene({}, new FakeSystem({ '/proc/swaps': 'Filename\n/swap file 1 0 -2\n' }).sysctl({ 'vm.swappiness': 60 })),
    'note',
    'MemorySwapMax=0',
    scene({}, new FakeSystem({ '/proc/swaps': 'Filename\n/swap file 1 0 -2\n' }).sysctl({ 'vm.swappiness': 1 })),
  ],
  [
    'a port that outgoing connections may take',
    checkPortRange,
    scene(
      { SHARDWIRE_LISTEN: 'tcp://0.0.0.0:40000' },
      sysctl({ 'net.ipv4.ip_local_port_range': '32768\t60999', 'net.ipv4.ip_local_reserved_ports': '50000-50010' }),
    ),
    'warning',
    'ip_local_reserved_ports=50000-50010,40000',
    scene(
      { SHARDWIRE_LISTEN: 'tcp://0.0.0.0:50005' },
      sysctl({ 'net.ipv4.ip_local_port_range': '32768\t60999', 'net.ipv4.ip_local_reserved_ports': '50000-50010' }),
    ),
  ],
]

describe.each(CASES)('%s', (_, check, bad, level, mend, good) => {
  it('is found, with what mends it', () => {
    expectOne(check(bad), level, mend)
  })
  it('is not found where there is enough', () => {
    expectOne(check(good), 'fine')
  })
})

it('threads of a user are those of /proc/self/limits, and nobody limits root', () => {
  const limits = (most: string) =>
    new FakeSystem({ '/proc/self/limits': `Max processes             ${most}      9     processes\n` })
  const [few, many] = [limits('30'), limits('unlimited')]
  few.uid = many.uid = 1000
  expectOne(machine.checkUserProcesses(scene({}, few)), 'critical', 'LimitNPROC=128')
  expect(machine.checkUserProcesses(scene({}, many))).toEqual([])
  expect(machine.checkUserProcesses(scene({}, limits('30')))).toEqual([])
})

it('what the machine does not tell is not judged', () => {
  const checks = [...CASES.map(([, check]) => check), machine.checkUserProcesses]
  const nothing = scene({ SHARDWIRE_WORKERS: '4' })
  const judged = new Set(checks.flatMap((check) => check(nothing)).map(({ check }) => check))
  expect(judged).toEqual(new Set(['open-files', 'memory', 'cores']))
})

describe('an address', () => {
  it('that is taken is told with who has it, unless it is the daemon', async () => {
    const busy = new FakeSystem()
    busy.taken.set(7400, 'EADDRINUSE')
    const { read } = expectOne(await checkPorts(scene({}, busy)), 'critical', 'ss -ltnp sport = :7400')
    expect(read).toContain('process 7 (nc -l)')
    expectOne(await checkPorts({ ...scene({}, busy), isRunning: true }), 'fine')
  })

  it('that this machine does not have is told so', async () => {
    const other = new FakeSystem()
    other.taken.set(7400, 'EADDRNOTAVAIL')
    expectOne(await checkPorts(scene({ SHARDWIRE_LISTEN: 'tcp://10.9.9.9:7400' }, other)), 'critical', 'ip addr')
  })

  it('below 1024 takes the capability', async () => {
    const low = { SHARDWIRE_LISTEN: 'tcp://0.0.0.0:443' }
    const status = (bits: string) => new FakeSystem({ '/proc/self/status': `CapEff:\t${bits}\n` })
    expectOne(await checkPorts(scene(low, status('0000000000000000'))), 'critical', 'CAP_NET_BIND_SERVICE')
    expectOne(await checkPorts(scene(low, status('0000000000000400'))), 'fine')
    const open = status('0000000000000000').sysctl({ 'net.ipv4.ip_unprivileged_port_start': 0 })
    expectOne(await checkPorts(scene(low, open)), 'fine')
  })

  it('of the admin server counts where somebody asked for it', async () => {
    const busy = new FakeSystem()
    busy.taken.set(7401, 'EADDRINUSE')
    expect((await checkPorts(scene({}, busy))).map(({ level }) => level)).toEqual(['fine'])
    const asked = await checkPorts(scene({ SHARDWIRE_ADMIN: 'http://127.0.0.1:7401' }, busy))
    expect(asked.map(({ level }) => level)).toEqual(['fine', 'critical'])
  })
})

describe('secrets', () => {
  it('that everybody can read are told', () => {
    const open = new FakeSystem()
    open.modes.set('/etc/tls.key', 0o644)
    const tls = { SHARDWIRE_TLS_CERT: '/etc/tls.crt', SHARDWIRE_TLS_KEY: '/etc/tls.key' }
    expectOne(checkSecretFiles(scene(tls, open), {}), 'warning', 'chmod o= /etc/tls.key')
    open.modes.set('/etc/tls.key', 0o640)
    expectOne(checkSecretFiles(scene(tls, open), {}), 'fine')
    open.modes.set('/run/token', 0o604)
    expectOne(checkSecretFiles(scene({}, open), { SHARDWIRE_ADMIN_TOKEN_FILE: '/run/token' }), 'warning', 'chmod o=')
  })
})

it('a certificate is judged by its last day', async () => {
  const authority = await TestAuthority.create()
  const validToMs = Date.UTC(2040, 0, 1)
  const { cert } = await authority.issue({ name: 'localhost', validToMs })
  const files = new FakeSystem({ '/etc/tls.crt': cert })
  const tls = scene({ SHARDWIRE_TLS_CERT: '/etc/tls.crt', SHARDWIRE_TLS_KEY: '/etc/tls.key' }, files)
  const dayMs = 86_400_000
  const at = (wallMs: number): Finding[] => checkCertificate(tls, { wallMs: () => wallMs })
  expectOne(at(validToMs - 30 * dayMs), 'fine')
  expectOne(at(validToMs - 5 * dayMs), 'warning')
  expectOne(at(validToMs + dayMs), 'critical')
  files.files.set('/etc/tls.crt', 'no certificate')
  expectOne(at(validToMs - 30 * dayMs), 'critical')
  expect(checkCertificate(scene(), { wallMs: () => validToMs })).toEqual([])
})

it('a service module that is not there ends the start', () => {
  const there = new FakeSystem()
  there.modes.set('./service.ts', 0o644)
  const service = { SHARDWIRE_SERVICE: './service.ts' }
  expectOne(checkService(scene(service, there)), 'fine')
  expectOne(checkService(scene(service)), 'critical', 'ls -l ./service.ts')
  expect(checkService(scene())).toEqual([])
})

it('takes an open-files limit of the largest integer there is, as systemd sets it, for none', () => {
  const [finding] = checkAllFiles(
    scene(MANY, sysctl({ 'fs.file-max': '9223372036854775807', 'fs.file-nr': '5000\t0\t1' })),
  )
  expect(finding).toMatchObject({ level: 'fine', read: expect.stringContaining('5000 of any number') as unknown })
})
