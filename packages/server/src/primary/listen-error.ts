/**
 * Owns what a person is told when an address cannot be listened on.
 * Must not know: how listening is done.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DescriptorListener, Listener } from '../config/load-config.ts'
import { findPortHolders } from './port-holder.ts'
import { PathTaken } from './unix-socket.ts'

/** @param listener as it was configured @param error what the system said */
export function explainListenError(listener: Listener, error: unknown): string {
  const code = codeOf(error)
  if (listener.scheme === 'unix') return explainPathError(listener.address, listener.path, code, error)
  if (listener.scheme === 'fd') return explainDescriptorError(listener, code, error)
  return explainPortError({ ...listener, option: 'SHARDWIRE_LISTEN' }, error)
}

/** Where something was to listen, as it was configured, and by which option. */
export interface WantedPort {
  readonly address: string
  readonly port: number
  readonly option: string
}

export function explainPortError({ address, port, option }: WantedPort, error: unknown): string {
  const code = codeOf(error)
  if (code === 'EADDRINUSE') return `cannot listen on ${address}: the port is in use${holdersOf(port, option)}`
  if (code === 'EACCES') {
    return `cannot listen on ${address}: not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE`
  }
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${address}: this machine has no such address (see \`ip addr\`)`
  if (code === 'ENOTFOUND') return `cannot listen on ${address}: the name is not known; use an address of this machine`
  return `cannot listen on ${address}: ${error instanceof Error ? error.message : String(error)}`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function explainPathError(address: string, path: string, code: string, error: unknown): string {
  const directory = dirname(path)
  if (error instanceof PathTaken) return `cannot listen on ${address}: ${error.message}`
  // libuv says EACCES for a directory that is not there.
  if (!existsSync(directory)) {
    return `cannot listen on ${address}: there is no directory ${directory}; make it first (mkdir -p ${directory})`
  }
  if (code === 'EACCES') {
    return `cannot listen on ${address}: not permitted; the user of the daemon must be able to write to ${directory}`
  }
  return `cannot listen on ${address}: ${error instanceof Error ? error.message : String(error)}`
}

function explainDescriptorError({ address, fd }: DescriptorListener, code: string, error: unknown): string {
  const start = `cannot listen on ${address}: `
  if (code === 'EBADF' || code === 'ENOTSOCK') {
    return (
      `${start}descriptor ${fd} is no socket that was handed to this process. Start it by a systemd socket unit, ` +
      `or by a parent that leaves a bound socket open as ${fd}${handedOnText()}`
    )
  }
  if (code === 'EINVAL') return `${start}descriptor ${fd} is no socket that can be listened on: a connection, it seems`
  return `${start}${error instanceof Error ? error.message : String(error)}`
}

/** What systemd says of it. */
function handedOnText(): string {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = process.env
  if (count === undefined) return ' (LISTEN_FDS is not set: this was no start by a socket unit)'
  const whose = pid === undefined || pid === String(process.pid) ? '' : `, for process ${pid} and not ${process.pid}`
  return ` (LISTEN_FDS=${count}: from fd://3 on, so many were handed on${whose})`
}

function holdersOf(port: number, option: string): string {
  const other = `set ${option} to another port (port 0 takes a free one).`
  const advice = `Stop it, or ${other}`
  const found = findPortHolders(port)
  if (found.some(({ pid }) => pid === process.pid)) {
    const both = 'two of SHARDWIRE_LISTEN, or one of them and SHARDWIRE_ADMIN'
    return ` by another address of this daemon: ${both}. S${other.slice(1)}`
  }
  const holders = found.map(({ pid, command }) => `process ${pid} (${command})`)
  if (holders.length === 0)
    return `, by a process of another user or container (\`ss -ltnp sport = :${port}\`). ${advice}`
  return ` by ${holders.join(' and ')}. ${advice}`
}
