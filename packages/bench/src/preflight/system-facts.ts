/**
 * Owns what this system says about how many connections it can have.
 * Must not know: how many are wanted.
 * Invariant: what the system does not tell is null, never guessed.
 */
import { cpus } from 'node:os'

import { portsPerAddress } from '../fleet/address-plan.ts'
import { numberOf, readProc } from '../observe/proc-files.ts'
import { readSysctl } from '../observe/sysctl.ts'
import { descriptorLimit } from '../run/system-limits.ts'

const BYTES_PER_KB = 1024
const PAGE_BYTES = 4096

export interface SystemFacts {
  readonly cores: number
  /** Open files that one process of the bench may have. */
  readonly descriptorsPerProcess: number | null
  /** Open files over all processes, and those that are open. */
  readonly filesMax: number | null
  readonly filesOpen: number | null
  readonly portRange: string | null
  readonly reservedPorts: string | null
  readonly portsPerAddress: number | null
  readonly memoryAvailableBytes: number | null
  /** Where TCP begins to save memory for its buffers. */
  readonly tcpBufferBytesMax: number | null
  readonly backlogMax: number | null
  readonly synBacklogMax: number | null
  readonly conntrackMax: number | null
  readonly conntrackCount: number | null
  readonly processesMax: number | null
  /** How often a full accept queue has made the kernel drop a connect, since its start. */
  readonly listenOverflows: number | null
}

/** What can be seen of the server: one entry for each of its processes. */
export interface ServerFacts {
  readonly processes: readonly ServerProcess[]
}

export interface ServerProcess {
  readonly pid: number
  readonly descriptorsMax: number | null
  /** Whether it has processes of its own: the ones that hold connections have none. */
  readonly isParent: boolean
}

export function systemFacts(): SystemFacts {
  const range = readSysctl('net.ipv4.ip_local_port_range')
  const reserved = readSysctl('net.ipv4.ip_local_reserved_ports')
  const available = numberOf(readProc('/proc/meminfo'), /^MemAvailable:\s+(\d+) kB/m)
  const buffers = readSysctl('net.ipv4.tcp_mem')?.split(' ')[2]
  const files = readSysctl('fs.file-nr')?.split(' ').map(Number)
  return {
    cores: cpus().length,
    descriptorsPerProcess: descriptorLimit() ?? null,
    filesMax: files?.[2] ?? null,
    filesOpen: files?.[0] ?? null,
    portRange: range ?? null,
    reservedPorts: reserved ?? null,
    portsPerAddress: portsPerAddress(range, reserved) ?? null,
    memoryAvailableBytes: available === null ? null : available * BYTES_PER_KB,
    tcpBufferBytesMax: buffers === undefined ? null : Number(buffers) * PAGE_BYTES,
    backlogMax: numeric('net.core.somaxconn'),
    synBacklogMax: numeric('net.ipv4.tcp_max_syn_backlog'),
    conntrackMax: numeric('net.netfilter.nf_conntrack_max'),
    conntrackCount: numeric('net.netfilter.nf_conntrack_count'),
    processesMax: numberOf(readProc('/proc/self/limits'), /^Max processes\s+(\d+)/m),
    listenOverflows: listenOverflows(readProc('/proc/net/netstat')),
  }
}

export function serverFacts(pids: readonly number[], parentOf: ReadonlyMap<number, number>): ServerFacts {
  const parents = new Set(pids.map((pid) => parentOf.get(pid)))
  return {
    processes: pids.map((pid) => ({
      pid,
      descriptorsMax: numberOf(readProc(`/proc/${pid}/limits`), /^Max open files\s+(\d+)/m),
      isParent: parents.has(pid),
    })),
  }
}

/** @param text as in /proc/net/netstat: a line of names, and one of their values */
export function listenOverflows(text: string | null): number | null {
  const rows = (text ?? '').split('\n').filter((row) => row.startsWith('TcpExt:'))
  const [names = [], values = []] = rows.map((row) => row.split(' '))
  const at = names.indexOf('ListenOverflows')
  return at < 0 ? null : Number(values[at])
}

function numeric(name: string): number | null {
  const text = readSysctl(name)
  return text === undefined ? null : Number(text)
}
