/**
 * Owns finding the processes of the server under load: those that hold the listening socket, and all that they started.
 * Must not know: what the server is.
 * Invariant: empty where the server is on another machine, or its files are not for us to see.
 */
import { isIPv6 } from 'node:net'

import { listProc, openFilesOf, parents, readProc } from './proc-files.ts'

const LISTENING = '0A'

/** @param hosts addresses of the server; only those of this machine are looked for */
export function serverProcesses(hosts: readonly string[], port: number): number[] {
  if (!hosts.every(isLoopback)) return []
  const sockets = new Set(listeningSockets(port).map((inode) => `socket:[${inode}]`))
  if (sockets.size === 0) return []
  const pids = listProc('/proc').filter((name) => /^\d+$/.test(name))
  const holders = pids.map(Number).filter((pid) => openFilesOf(pid).some((file) => sockets.has(file)))
  return withDescendants(holders)
}

/** These processes and all that they started, in ascending order. */
export function withDescendants(pids: readonly number[]): number[] {
  const all = new Set(pids)
  const parentOf = parents()
  // A child can stand before its parent: until nothing is added any more.
  for (let before = -1; before !== all.size;) {
    before = all.size
    for (const [pid, parent] of parentOf) if (all.has(parent)) all.add(pid)
  }
  return [...all].toSorted((one, other) => one - other)
}

export function isLoopback(host: string): boolean {
  return isIPv6(host) ? host === '::1' || host.startsWith('::ffff:127.') : host.startsWith('127.')
}

/** Inodes of the sockets that listen on the port, whatever their address. */
function listeningSockets(port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = ['tcp', 'tcp6'].flatMap((table) => readProc(`/proc/net/${table}`)?.split('\n').slice(1) ?? [])
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
    return state === LISTENING && local.endsWith(wanted) ? [inode] : []
  })
}
