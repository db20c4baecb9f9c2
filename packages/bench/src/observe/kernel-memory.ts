/**
 * Owns what the kernel itself keeps for connections.
 * Must not know: whose connections they are.
 * Invariant: slabs are counted in whole pages, as the machine pays for them; null where the system does not tell (other
 * users than root see no slabs).
 */
import { numberOf, readProc } from './proc-files.ts'

/**
 * Slabs of which an open TCP socket has one object each. Its dentry (192 bytes) is not among them: of those the kernel
 * keeps hundreds of thousands for files, and drops them when memory is wanted, which would drown what is measured.
 */
const SLABS = ['TCP', 'TCPv6', 'sock_inode_cache', 'filp', 'eventpoll_epi', 'eventpoll_pwq'] as const
const PAGE_BYTES = 4096
const BYTES_PER_KB = 1024

export interface KernelMemory {
  /** Of the slabs that connections stand in; null for others than root. */
  readonly connectionSlabBytes: number | null
  /** Of all slabs. */
  readonly slabBytes: number | null
  /** Buffers of TCP. */
  readonly tcpBufferBytes: number | null
  /** TCP sockets that are open, at both ends. */
  readonly sockets: number | null
  readonly availableBytes: number | null
}

export function kernelMemory(): KernelMemory {
  const memory = readProc('/proc/meminfo')
  const sockets = readProc('/proc/net/sockstat')
  const inBytes = (kilobytes: number | null): number | null => (kilobytes === null ? null : kilobytes * BYTES_PER_KB)
  const pages = numberOf(sockets, /^TCP:.* mem (\d+)/m)
  const inUse = numberOf(sockets, /^TCP: inuse (\d+)/m)
  const inUse6 = numberOf(readProc('/proc/net/sockstat6'), /^TCP6: inuse (\d+)/m)
  return {
    connectionSlabBytes: slabBytes(readProc('/proc/slabinfo')),
    slabBytes: inBytes(numberOf(memory, /^Slab:\s+(\d+) kB/m)),
    tcpBufferBytes: pages === null ? null : pages * PAGE_BYTES,
    sockets: inUse === null ? null : inUse + (inUse6 ?? 0),
    availableBytes: inBytes(numberOf(memory, /^MemAvailable:\s+(\d+) kB/m)),
  }
}

/** @param text as in /proc/slabinfo, version 2.1 */
export function slabBytes(text: string | null): number | null {
  if (text === null) return null
  const names: ReadonlySet<string> = new Set(SLABS)
  let bytes = 0
  for (const row of text.split('\n')) {
    const [name = '', , , , , pagesPerSlab, ...rest] = row.trim().split(/\s+/)
    // ... : slabdata <active_slabs> <num_slabs> <sharedavail>
    const slabs = rest[rest.indexOf('slabdata') + 2]
    if (names.has(name)) bytes += Number(slabs) * Number(pagesPerSlab) * PAGE_BYTES
  }
  return bytes
}
