/**
 * Owns what the kernel says of TCP in this network namespace.
 * Must not know: why it is asked. How files are read is passed in.
 * Invariant: never throws: outside of Linux, and where a file is hidden, what is not known is not there.
 */

import { readFileSync } from 'node:fs'

/** The text of a file; undefined where it cannot be read. */
export type ReadText = (path: string) => string | undefined

/** Counters by their names there, e.g. `TcpExt.ListenOverflows` and `Tcp.RetransSegs`. */
export type KernelCounters = ReadonlyMap<string, number>

export interface SocketStat {
  readonly inUse: number
  readonly orphan: number
  readonly timeWait: number
  readonly allocated: number
  /** Bytes. */
  readonly memory: number
}

export interface KernelFigures {
  readonly counters: KernelCounters
  readonly sockets: SocketStat | undefined
  /** Bytes that TCP may take for buffers. */
  readonly memoryMax: number | undefined
}

/** Size of a page, in bytes, of the memory that the kernel counts in pages: that of x86-64, and of most ARM. */
const PAGE_BYTES = 4096

/** As this machine has it. */
export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Not there, or not for us.
    return undefined
  }
}

export function readKernel(read: ReadText): KernelFigures {
  const tables = ['/proc/net/snmp', '/proc/net/netstat'].flatMap((path) => [...parseCounters(read(path) ?? '')])
  return {
    counters: new Map(tables),
    sockets: parseSockets(read('/proc/net/sockstat') ?? ''),
    memoryMax: parseMemoryMax(read('/proc/sys/net/ipv4/tcp_mem') ?? ''),
  }
}

/** Of /proc/net/snmp and /proc/net/netstat: a line of names, and one of values below it. */
export function parseCounters(text: string): KernelCounters {
  const counters = new Map<string, number>()
  const lines = text.split('\n')
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const names = lines[index]?.split(' ') ?? []
    const values = lines[index + 1]?.split(' ') ?? []
    const group = names[0]?.replace(':', '') ?? ''
    for (let column = 1; column < names.length; column++) {
      const value = Number(values[column])
      if (Number.isFinite(value)) counters.set(`${group}.${names[column]}`, value)
    }
  }
  return counters
}

/** Of /proc/net/sockstat. */
export function parseSockets(text: string): SocketStat | undefined {
  const line = /^TCP: (.+)$/m.exec(text)?.[1]
  if (line === undefined) return undefined
  const words = line.split(' ')
  const of = (name: string): number => Number(words[words.indexOf(name) + 1] ?? 0)
  return {
    inUse: of('inuse'),
    orphan: of('orphan'),
    timeWait: of('tw'),
    allocated: of('alloc'),
    memory: of('mem') * PAGE_BYTES,
  }
}

/** Of tcp_mem: low, pressure, high, in pages. */
function parseMemoryMax(text: string): number | undefined {
  const high = Number(text.trim().split(/\s+/)[2])
  return Number.isFinite(high) && high > 0 ? high * PAGE_BYTES : undefined
}
