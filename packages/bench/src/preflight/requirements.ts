/**
 * Owns what a number of connections needs of a system, limit by limit, and how many it has room for.
 * Must not know: where facts come from, how they are shown.
 * Invariant: a limit that is not known refuses nothing, and says that it is not known. Each limit that binds comes with
 * the command that would mend it, as it can be typed.
 */
import type { ServerFacts, SystemFacts } from './system-facts.ts'

/** What is to be made. */
export interface Demand {
  readonly connections: number
  /** Whether the server is on this machine: then there are two sockets for each connection, and its memory. */
  readonly isLocal: boolean
  readonly port: number
  /** Source addresses that are used: as many as it takes over 127.0.0.0/8, or so many. */
  readonly sourceAddresses: number | 'any'
  readonly targetAddresses: number
  /** Connects under way at once. */
  readonly connectingMax: number
  /** Processes that one may have as holders. */
  readonly processesMax: number
}

export interface Check {
  readonly name: string
  /** In words: what there is, and what is needed. */
  readonly have: string
  readonly need: string
  readonly state: 'ok' | 'binds' | 'unknown' | 'warning'
  /** Connections that this limit allows; null for no bound by it. */
  readonly largest: number | null
  /** The command that would mend it, or what to do; null while it does not bind. */
  readonly cure: string | null
}

/** Open files of a process beside its connections. */
const SPARE = 64
/** Ports of an address that are used at most. */
const PORTS_SHARE = 0.9
/** A TCP socket in the kernel: TCP 2368, inode 832, file 192, dentry 192, epoll 128 bytes, and what slabs waste. */
export const KERNEL_BYTES_PER_SOCKET = 3900
/** An idle connection of a holder, and of the daemon, with what V8 keeps for it. */
export const GENERATOR_BYTES_PER_CONNECTION = 1500
export const SERVER_BYTES_PER_CONNECTION = 2200
/** A process of Node before its first connection, what it shares with others not counted. */
export const PROCESS_BYTES = 30_000_000
/** Left to the rest of the machine. */
const MEMORY_SPARE_BYTES = 500_000_000
const TRACKED_PER_CONNECTION = 1

export function checkDemand(demand: Demand, system: SystemFacts, server: ServerFacts): Check[] {
  return [
    generatorDescriptors(demand, system),
    serverDescriptors(demand, server),
    openFiles(demand, system),
    ports(demand, system),
    memory(demand, system),
    backlog(demand, system),
    tracking(demand, system),
    portInRange(demand, system),
  ]
}

/** The most connections that all limits allow, and the one that binds; Infinity where none is known. */
export function largestOf(checks: readonly Check[]): { readonly connections: number; readonly bound: Check | null } {
  let bound: Check | null = null
  for (const check of checks) {
    if (check.largest !== null && (bound?.largest ?? Infinity) > check.largest) bound = check
  }
  return { connections: bound?.largest ?? Infinity, bound }
}

function judge(name: string, demand: Demand, largest: number | null, words: Words): Check {
  const binds = largest !== null && largest < demand.connections
  const state = largest === null ? 'unknown' : binds ? 'binds' : 'ok'
  return { name, have: words.have, need: words.need, state, largest, cure: binds ? words.cure : null }
}

interface Words {
  readonly have: string
  readonly need: string
  readonly cure: string
}

function generatorDescriptors(demand: Demand, { descriptorsPerProcess: limit }: SystemFacts): Check {
  const perProcess = limit === null ? null : limit - SPARE
  const processes = perProcess === null ? null : Math.ceil(demand.connections / perProcess)
  return judge('descriptors of the generator', demand, perProcess === null ? null : perProcess * demand.processesMax, {
    have: limit === null ? 'unknown' : `${limit} a process`,
    need: processes === null ? 'unknown' : `${processes} holders of ${perProcess} connections`,
    cure: `ulimit -n ${Math.ceil(demand.connections / demand.processesMax) + SPARE}`,
  })
}

function serverDescriptors(demand: Demand, { processes }: ServerFacts): Check {
  const holders = processes.filter(({ isParent }) => !isParent)
  const limits = holders.flatMap(({ descriptorsMax }) => descriptorsMax ?? [])
  const room = limits.length === 0 ? null : limits.reduce((sum, limit) => sum + limit - SPARE, 0)
  const [first = 1024] = limits
  const workers = Math.ceil(demand.connections / Math.max(1, first - SPARE))
  return judge('descriptors of the server', demand, room, {
    have: room === null ? 'unknown' : `${limits.length} processes of ${first}`,
    need: `${demand.connections} connections`,
    cure: `start the server with SHARDWIRE_WORKERS=${workers}, or after ulimit -n with more`,
  })
}

function openFiles(demand: Demand, { filesMax, filesOpen }: SystemFacts): Check {
  const ends = demand.isLocal ? 2 : 1
  // systemd sets it to what a signed 64-bit integer holds.
  const isUnbounded = filesMax !== null && filesMax > Number.MAX_SAFE_INTEGER
  const room = filesMax === null ? null : Math.max(0, Math.floor((filesMax - (filesOpen ?? 0)) / ends))
  const needed = demand.connections * ends + (filesOpen ?? 0)
  const root = isUnbounded ? '' : ' (root may pass it)'
  const check = judge('open files of the system', demand, isUnbounded ? null : room, {
    have: filesMax === null ? 'unknown' : `${isUnbounded ? 'no limit' : filesMax}, ${filesOpen ?? 0} open${root}`,
    need: String(needed),
    cure: `sysctl -w fs.file-max=${needed + 10_000}`,
  })
  return isUnbounded ? { ...check, state: 'ok' } : check
}

function ports(demand: Demand, { portsPerAddress, portRange }: SystemFacts): Check {
  const { sourceAddresses, targetAddresses } = demand
  const each = portsPerAddress === null ? null : Math.floor(portsPerAddress * PORTS_SHARE)
  const room = each === null || sourceAddresses === 'any' ? null : each * sourceAddresses * targetAddresses
  const check = judge('local ports', demand, room, {
    have: portRange === null ? 'unknown' : `${portRange}, ${each} of them for each source and target address`,
    need: each === null ? 'unknown' : `${Math.ceil(demand.connections / each)} pairs of addresses`,
    cure: `--source-addresses with ${Math.ceil(demand.connections / (each ?? 1))} addresses, or --target-addresses`,
  })
  // As many sources of 127.0.0.0/8 as it takes: no bound at all.
  return sourceAddresses === 'any' && each !== null ? { ...check, state: 'ok' } : check
}

function memory(demand: Demand, { memoryAvailableBytes: available, descriptorsPerProcess }: SystemFacts): Check {
  const ends = demand.isLocal ? 2 : 1
  const perConnection =
    ends * KERNEL_BYTES_PER_SOCKET +
    GENERATOR_BYTES_PER_CONNECTION +
    (demand.isLocal ? SERVER_BYTES_PER_CONNECTION : 0) +
    // Its part of the processes that hold it.
    (ends * PROCESS_BYTES) / Math.max(1, (descriptorsPerProcess ?? 1024) - SPARE)
  const room = available === null ? null : Math.max(0, Math.floor((available - MEMORY_SPARE_BYTES) / perConnection))
  const needed = demand.connections * perConnection + MEMORY_SPARE_BYTES
  return judge('memory', demand, room, {
    have: available === null ? 'unknown' : `${gigabytes(available)} available`,
    need: `about ${gigabytes(needed)}, ${Math.round(perConnection)} B a connection on this machine`,
    cure: 'fewer connections, a server on another machine, or more memory',
  })
}

function backlog(demand: Demand, { backlogMax, synBacklogMax }: SystemFacts): Check {
  const { connectingMax } = demand
  const least = Math.min(backlogMax ?? Infinity, synBacklogMax ?? Infinity)
  const isKnown = demand.isLocal && backlogMax !== null
  const isShort = isKnown && least < connectingMax
  const mend = `sysctl -w net.core.somaxconn=${connectingMax} net.ipv4.tcp_max_syn_backlog=${connectingMax}`
  return {
    name: 'accept queue',
    have: isKnown
      ? `net.core.somaxconn ${backlogMax}, net.ipv4.tcp_max_syn_backlog ${synBacklogMax ?? 'unknown'}`
      : 'unknown',
    need: `${connectingMax} connects under way at once`,
    state: isKnown ? (isShort ? 'warning' : 'ok') : 'unknown',
    largest: null,
    cure: isShort ? `${mend}, and the server's own backlog` : null,
  }
}

function tracking(demand: Demand, { conntrackMax, conntrackCount }: SystemFacts): Check {
  const room = conntrackMax === null ? null : conntrackMax - (conntrackCount ?? 0)
  const needed = demand.connections * TRACKED_PER_CONNECTION + (conntrackCount ?? 0)
  const binds = room !== null && room < demand.connections
  // With the module loaded and no rule that wants it nothing is tracked, which cannot be seen beforehand.
  return {
    name: 'connection tracking',
    have: conntrackMax === null ? 'not loaded' : `${conntrackMax}, ${conntrackCount ?? 0} in use`,
    need: conntrackMax === null ? 'nothing' : `${needed}, if a rule tracks these connections`,
    state: binds ? 'warning' : 'ok',
    largest: null,
    cure: binds ? `sysctl -w net.netfilter.nf_conntrack_max=${needed + 10_000}` : null,
  }
}

/** A client may be given the very port that the server wants after a restart. */
function portInRange({ port, isLocal }: Demand, { portRange, reservedPorts }: SystemFacts): Check {
  const [first = NaN, last = NaN] = (portRange ?? '').split(' ').map(Number)
  const isIn = isLocal && port >= first && port <= last
  const isReserved = (reservedPorts ?? '').split(',').some((span) => {
    const [from = NaN, to = from] = span.split('-').map(Number)
    return port >= from && port <= to
  })
  const isOpen = isIn && !isReserved
  const list = [reservedPorts ?? '', String(port)].filter((part) => part !== '').join(',')
  return {
    name: 'the listening port',
    have: isIn
      ? `${port} is within ${portRange}${isReserved ? ', reserved' : ''}`
      : `${port} is outside of ${portRange ?? 'any range'}`,
    need: 'a port that no client is given',
    state: portRange === null ? 'unknown' : isOpen ? 'warning' : 'ok',
    largest: null,
    cure: isOpen ? `sysctl -w net.ipv4.ip_local_reserved_ports=${list}` : null,
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
