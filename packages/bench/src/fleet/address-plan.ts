/**
 * Owns which addresses connections go from and to, so that ports never run out, and how many processes that takes.
 * Must not know: processes, sockets.
 * Invariant: no source address is given more connections than it has ports, and no process more than it has
 * descriptors; connections are numbered without a gap.
 */
import type { Route } from '../messages.ts'

/** Sources: the system's choice, one of our own for each process, or those given. */
export type SourceSpread = 'auto' | 'none' | readonly string[]

export interface AddressLimits {
  /** Connections that one process may have. */
  readonly perProcess: number
  /** Ports that one source address has towards one destination. */
  readonly portsPerAddress: number
}

export interface AddressRequest {
  /** Connections to spread, and how many others there are from addresses that the system chooses. */
  readonly connections: number
  readonly others: number
  readonly hosts: readonly string[]
  readonly port: number
  readonly sources: SourceSpread
  readonly limits: AddressLimits
}

/** A process's share. */
export interface AddressShare {
  readonly route: Route
  readonly connectionFirst: number
  readonly connections: number
}

/** So many of a source's ports are used, when we choose them: see socket/local-ports.ts. */
const OWN_PORTS_SHARE_MAX = 0.9
/** Of those that the system chooses it looks through one half first, and is slow once that is full. */
const SYSTEM_PORTS_SHARE_MAX = 0.45
/** Sources of our own stand from 127.64.0.1 on. */
const OWN_SOURCE_FIRST = (127 << 24) | (64 << 16) | 1
const OWN_SOURCES_MAX = 0xffff

/** Shares for connections, as few as the limits allow; empty for none. */
export function shareAddresses(request: AddressRequest): AddressShare[] {
  const { connections, hosts, port, limits } = request
  const sources = sourcesFor(request)
  const perSource = Math.floor(limits.portsPerAddress * OWN_PORTS_SHARE_MAX) * hosts.length
  const perProcess = sources === null ? limits.perProcess : Math.min(limits.perProcess, perSource)
  const count = Math.ceil(connections / perProcess)
  const first = (index: number): number => Math.floor((connections * index) / count)
  return Array.from({ length: count }, (_, index) => ({
    route: { hosts, port, localAddress: sources === null ? null : sources(index) },
    connectionFirst: first(index),
    connections: first(index + 1) - first(index),
  }))
}

/** The source of each process by its number; null leaves it to the system. */
function sourcesFor(request: AddressRequest): ((index: number) => string) | null {
  const { sources, hosts, connections, others, limits } = request
  if (sources === 'none') return null
  if (sources !== 'auto') return (index) => sources[index % sources.length] ?? ''
  const budget = limits.portsPerAddress * SYSTEM_PORTS_SHARE_MAX * hosts.length
  const isLocal = hosts.every((host) => host.startsWith('127.'))
  return isLocal && connections + others > budget ? ownSource : null
}

/** All of 127.0.0.0/8 is this machine, without any set-up. */
export function ownSource(index: number): string {
  const address = OWN_SOURCE_FIRST + (index % OWN_SOURCES_MAX)
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.')
}

/** Ports of `net.ipv4.ip_local_port_range`, less those reserved; undefined where the system does not tell. */
export function portsPerAddress(range: string | undefined, reserved: string | undefined): number | undefined {
  const [first = NaN, last = NaN] = range?.split(' ').map(Number) ?? []
  if (!(last >= first)) return undefined
  const spans = (reserved ?? '').split(',').filter((span) => span !== '')
  const taken = spans.reduce((sum, span) => {
    const [from = NaN, to = from] = span.split('-').map(Number)
    return sum + Math.max(0, Math.min(to, last) - Math.max(from, first) + 1)
  }, 0)
  return last - first + 1 - taken
}

/** Questions that all holders together may have unanswered: more would only wait in the server. */
const ASKED_MAX = 1024

/** Of what may be under way over all processes, a process's part. */
export function partOf(total: number, processes: number): number {
  return Math.max(1, Math.ceil(total / Math.max(1, processes)))
}

export function askedPart(processes: number): number {
  return partOf(ASKED_MAX, processes)
}
