/**
 * Owns which processes a run has, which connections each of them makes, and from where.
 * Must not know: processes as such, channels.
 * Invariant: no process is given more connections than it has descriptors, no source address more than it has ports;
 * connections are numbered over all processes without a gap.
 */
import { askedPart, ownSource, partOf, portsPerAddress, shareAddresses } from '../fleet/address-plan.ts'
import type { AddressLimits } from '../fleet/address-plan.ts'
import type { HoldPlan } from '../hold/hold-messages.ts'
import type { LoadPlan, Route } from '../messages.ts'
import { readSysctl } from '../observe/sysctl.ts'
import type { CompanionPlans } from './companions.ts'
import { splitLoad } from './load-split.ts'
import type { RunOptions } from './run-options.ts'
import { DESCRIPTORS_SPARE, descriptorLimit } from './system-limits.ts'

/** Where the system does not tell: Linux's own defaults. */
const DESCRIPTORS_DEFAULT = 1024
const PORTS_DEFAULT = 28_232
const ECHO_ROUTE = 1
const SLOW_PAYLOAD_BYTES = 1024

export interface RunPlan {
  readonly loads: readonly LoadPlan[]
  readonly companions: CompanionPlans
}

/** What this system allows each process and each address. */
export function systemAddressLimits(): AddressLimits {
  const range = readSysctl('net.ipv4.ip_local_port_range')
  const reserved = readSysctl('net.ipv4.ip_local_reserved_ports')
  return {
    perProcess: (descriptorLimit() ?? DESCRIPTORS_DEFAULT) - DESCRIPTORS_SPARE,
    portsPerAddress: portsPerAddress(range, reserved) ?? PORTS_DEFAULT,
  }
}

/** @param hosts addresses of the target after name resolution */
export function planRun(options: RunOptions, hosts: readonly string[], limits: AddressLimits): RunPlan {
  const { connections, processes, addresses, target, beside, codec } = options
  const { sources } = addresses
  const request = { hosts, port: target.port, sources, limits }
  const shares = shareAddresses({ ...request, connections: beside.idle, others: connections })
  const hasOwn = shares.some(({ route }) => route.localAddress !== null)
  const routeOf = (index: number): Route => {
    const listed = typeof sources === 'string' ? null : (sources[(shares.length + index) % sources.length] ?? null)
    const localAddress = sources === 'auto' && hasOwn ? ownSource(shares.length + index) : listed
    return { hosts, port: target.port, localAddress }
  }
  const echoRoute = options.traffic.shapes.find(({ answer }) => answer === 'echo')?.route ?? ECHO_ROUTE
  const connectingMax = partOf(addresses.connectingMax, shares.length)
  const holders = shares.map((share): HoldPlan => {
    const { route, connections: connectionsMax } = share
    return {
      route,
      codec,
      echoRoute,
      connectionFirst: connections + share.connectionFirst,
      connectionsMax,
      connectingMax,
      asksFirst: true,
      askedMax: askedPart(shares.length),
    }
  })
  const { churnPerSecond: perSecond, churnClose: close, slow, slowBytesPerSecond: bytesPerSecond } = beside
  const { warmupMs, durationMs } = options
  const connectionFirst = connections + beside.idle
  const churn = { route: routeOf(processes), codec, echoRoute, connectionFirst, perSecond, close, warmupMs, durationMs }
  const slowRoute = routeOf(processes + 1)
  const payloadBytes = SLOW_PAYLOAD_BYTES
  return {
    loads: splitLoad(
      options,
      Array.from({ length: processes }, (_, index) => routeOf(index)),
    ),
    companions: {
      holders,
      churn: perSecond === 0 ? null : churn,
      slow: slow === 0 ? null : { route: slowRoute, echoRoute, connections: slow, bytesPerSecond, payloadBytes },
    },
  }
}

/** The plan in words: which processes, how many connections each, from where. */
export function describePlan({ loads, companions }: RunPlan): string {
  const { holders, churn, slow } = companions
  const parts = [
    `${counted(loads.length, 'load process', 'load processes')} of ${range(loads.map((one) => one.connections))}`,
  ]
  if (holders.length > 0) {
    const sizes = range(holders.map((one) => one.connectionsMax))
    parts.push(`${counted(holders.length, 'holder', 'holders')} of ${sizes} idle${sourcesOf(holders)}`)
  }
  if (churn !== null) parts.push(`${churn.perSecond} connections a second coming and going`)
  if (slow !== null) parts.push(counted(slow.connections, 'slow reader', 'slow readers'))
  return parts.join(', ')
}

function sourcesOf(holders: readonly HoldPlan[]): string {
  const addresses = holders.map(({ route }) => route.localAddress).filter((address) => address !== null)
  const [first] = addresses
  if (first === undefined) return ''
  return addresses.length === 1 ? ` from ${first}` : ` from ${first} to ${addresses.at(-1)}`
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

function range(sizes: readonly number[]): string {
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
  return least === most ? `${most} connections` : `${least} to ${most} connections`
}
