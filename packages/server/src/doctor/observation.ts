/**
 * Owns what is read of a running daemon and its machine at one moment, so that two of these say what went on between.
 * Must not know: what it means.
 * Invariant: what the machine does not tell is not there.
 */
import type { Sample } from '../admin/status.ts'
import { type KernelCounters, type KernelFigures, readKernel } from '../metrics/kernel.ts'
import { readNumber, type System } from './system.ts'

/** A network interface that is up; bytes and packets so far. */
export interface Link {
  readonly name: string
  /** Megabits a second; undefined where it is not known, as of a virtual one. */
  readonly speedMbit: number | undefined
  readonly rxBytes: number
  readonly txBytes: number
  /** Packets that were dropped or damaged. */
  readonly lost: number
}

/** Time of all cores since the start of the machine, in ticks. */
export interface CpuTimes {
  readonly all: number
  readonly idle: number
  /** Taken by other machines of the same host. */
  readonly steal: number
}

export interface Observation {
  /** Milliseconds, monotonic. */
  readonly atMs: number
  readonly sample: Sample
  readonly kernel: KernelFigures
  readonly cpu: CpuTimes | undefined
  readonly links: readonly Link[]
  /** Packets that the kernel dropped before TCP, and times that it ran out of time for them. */
  readonly softnet: { readonly dropped: number; readonly squeezed: number }
  /** Of the daemon's control group: times that it had used up its share of the cores, and that a process was killed. */
  readonly throttled: number | undefined
  readonly killed: number | undefined
  readonly memory: { readonly used: number; readonly max: number } | undefined
  /** Part of the last ten seconds in which somebody waited for a core, and for memory; 0 to 1. */
  readonly cpuPressure: number | undefined
  readonly memoryPressure: number | undefined
  /** Connections that wait to be accepted, by port. */
  readonly waiting: ReadonlyMap<number, number>
}

const COLUMN_LOCAL = 1
const COLUMN_STATE = 3
const COLUMN_QUEUES = 4
const STATE_LISTEN = '0A'

export function observe(system: System, sample: Sample, nowMs: number): Observation {
  const group = groupPath(system, sample.status.pid)
  return {
    atMs: nowMs,
    sample,
    kernel: readKernel((path) => system.read(path)),
    cpu: cpuTimes(system.read('/proc/stat') ?? ''),
    links: linksOf(system),
    softnet: softnetOf(system.read('/proc/net/softnet_stat') ?? ''),
    throttled: fieldOf(system.read(`${group}/cpu.stat`), 'nr_throttled'),
    killed: fieldOf(system.read(`${group}/memory.events`), 'oom_kill'),
    memory: memoryOf(system, group),
    cpuPressure: pressureOf(system.read('/proc/pressure/cpu')),
    memoryPressure: pressureOf(system.read('/proc/pressure/memory')),
    waiting: waitingOf(system),
  }
}

/** By how much a counter of the kernel grew. */
export function grew(before: KernelCounters, after: KernelCounters, name: string): number {
  return Math.max(0, (after.get(name) ?? 0) - (before.get(name) ?? 0))
}

/** Of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. */
export function cpuTimes(stat: string): CpuTimes | undefined {
  const fields = /^cpu +([\d ]+)$/m.exec(stat)?.[1]?.split(' ').map(Number)
  if (fields === undefined) return undefined
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields
  return { all: user + nice + system + idle + iowait + irq + softirq + steal, idle: idle + iowait, steal }
}

/** Of /proc/net/softnet_stat: a line for each core, in hex; the second column is dropped, the third squeezed. */
export function softnetOf(text: string): Observation['softnet'] {
  const rows = text.trim().split('\n').filter(Boolean)
  const sum = (column: number): number => {
    return rows.reduce((all, row) => all + Number.parseInt(row.trim().split(/\s+/)[column] ?? '0', 16), 0)
  }
  return { dropped: sum(1), squeezed: sum(2) }
}

/** Of /proc/pressure/*: `some avg10=1.23 ...`, in percent. */
export function pressureOf(text: string | undefined): number | undefined {
  const average = /^some avg10=([\d.]+)/m.exec(text ?? '')?.[1]
  return average === undefined ? undefined : Number(average) / 100
}

function linksOf(system: System): Link[] {
  return system.list('/sys/class/net').flatMap((name) => {
    const path = `/sys/class/net/${name}`
    if (name === 'lo' || system.read(`${path}/operstate`)?.trim() !== 'up') return []
    const of = (counter: string): number => readNumber(system, `${path}/statistics/${counter}`) ?? 0
    const speed = readNumber(system, `${path}/speed`)
    const lost = ['rx_dropped', 'tx_dropped', 'rx_errors', 'tx_errors'].reduce((sum, counter) => sum + of(counter), 0)
    return [
      {
        name,
        speedMbit: speed !== undefined && speed > 0 ? speed : undefined,
        rxBytes: of('rx_bytes'),
        txBytes: of('tx_bytes'),
        lost,
      },
    ]
  })
}

/** The directory of a process's control group. */
export function groupPath(system: System, pid: number): string {
  const path = /^0::(\/.*)$/m.exec(system.read(`/proc/${pid}/cgroup`) ?? '')?.[1] ?? '/'
  return `/sys/fs/cgroup${path === '/' ? '' : path}`
}

function memoryOf(system: System, group: string): Observation['memory'] {
  const used = readNumber(system, `${group}/memory.current`)
  const max = readNumber(system, `${group}/memory.max`)
  if (used !== undefined && max !== undefined) return { used, max }
  const info = system.read('/proc/meminfo') ?? ''
  const kib = (name: string): number | undefined => {
    const text = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(info)?.[1]
    return text === undefined ? undefined : Number(text) * 1024
  }
  const [total, available] = [kib('MemTotal'), kib('MemAvailable')]
  return total === undefined || available === undefined ? undefined : { used: total - available, max: total }
}

/** Of a file of `name value` lines. */
function fieldOf(text: string | undefined, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1]
  return value === undefined ? undefined : Number(value)
}

/** Listening sockets stand first in these files, and in the place of received bytes is how many wait. */
function waitingOf(system: System): ReadonlyMap<number, number> {
  const waiting = new Map<number, number>()
  for (const path of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (system.read(path) ?? '').split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/)
      if (columns[COLUMN_STATE] !== STATE_LISTEN) break
      const port = Number.parseInt(columns[COLUMN_LOCAL]?.split(':')[1] ?? '', 16)
      const queued = Number.parseInt(columns[COLUMN_QUEUES]?.split(':')[1] ?? '0', 16)
      waiting.set(port, (waiting.get(port) ?? 0) + queued)
    }
  }
  return waiting
}
