/**
 * Owns finding out who listens on a TCP port of this machine, for the message of a start that failed.
 * Must not know: why anybody asks.
 * Invariant: it never throws: what the system does not show is simply not said. It looks at a bounded number of each
 * process's descriptors, the first: one with a million connections must not hold up a start. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']
const STATE_LISTEN = '0A'
/** Columns of a row of /proc/net/tcp. */
const COLUMN_LOCAL = 1
const COLUMN_STATE = 3
const COLUMN_INODE = 9
/** Of a process; listening sockets are among the first that it opens. */
const DESCRIPTORS_LOOKED_AT = 256

export interface PortHolder {
  readonly pid: number
  readonly command: string
}

/** Processes that listen on `port`, as far as this user may see them. */
export function findPortHolders(port: number): PortHolder[] {
  const inodes = new Set(TABLES.flatMap((table) => listeningInodes(read(table), port)))
  if (inodes.size === 0) return []
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => holdsOneOf(pid, inodes))
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }))
}

/** Inodes of the sockets that listen on `port`, out of the text of /proc/net/tcp. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/))
  const matching = rows.filter(
    (row) => row[COLUMN_LOCAL]?.endsWith(suffix) === true && row[COLUMN_STATE] === STATE_LISTEN,
  )
  return matching.flatMap((row) => row[COLUMN_INODE] ?? [])
}

function holdsOneOf(pid: string, inodes: ReadonlySet<string>): boolean {
  const first = list(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
    .slice(0, DESCRIPTORS_LOOKED_AT)
  return first.some((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1]
    return inode !== undefined && inodes.has(inode)
  })
}

function commandOf(pid: string): string {
  return read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim()
}

// A process may end, or belong to somebody else, while we look: then there is nothing to see, and that is all right.
function read(path: string): string {
  return attempt(() => readFileSync(path, 'utf8'), '')
}
function list(path: string): string[] {
  return attempt(() => readdirSync(path), [])
}
function link(path: string): string {
  return attempt(() => readlinkSync(path), '')
}
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}
