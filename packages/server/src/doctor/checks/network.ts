/** Owns the checks of the kernel's queues, tables and memory for TCP. */
import { type Finding, fine } from '../finding.ts'
import { CONNECTION_BYTES, connectionsWanted, isLimitSet, type Scene } from '../scene.ts'
import { readNumber, readNumbers, sysctlPath } from '../system.ts'

const PAGE_BYTES = 4096
const FULL_PART = 0.8
/** Connections that a table should have room for beyond those that are configured: those that just ended are in it. */
const TABLE_RESERVE = 1.25

/** What the kernel really lets wait to be accepted. */
export function checkAcceptQueue({ system, config }: Scene): Finding[] {
  const most = readNumber(system, sysctlPath('net.core.somaxconn'))
  if (most === undefined) return []
  const wanted = Math.max(0, ...config.listen.map(({ backlog }) => backlog))
  const read = `net.core.somaxconn is ${most}`
  if (most >= wanted) return [fine('accept-queue', 'connections that may wait to be accepted', read)]
  const why =
    `SHARDWIRE_BACKLOG is ${wanted}, and the kernel cuts it to ${most}: a burst of more connects is dropped, and its ` +
    'clients try again after a second'
  const mend = [`sysctl -w net.core.somaxconn=${wanted}`]
  return [{ check: 'accept-queue', level: 'warning', title: 'a short accept queue', read, why, mend }]
}

export function checkSynQueue({ system, config }: Scene): Finding[] {
  const most = readNumber(system, sysctlPath('net.ipv4.tcp_max_syn_backlog'))
  const cookies = readNumber(system, sysctlPath('net.ipv4.tcp_syncookies'))
  if (most === undefined) return []
  const wanted = Math.max(0, ...config.listen.map(({ backlog }) => backlog))
  const read = `net.ipv4.tcp_max_syn_backlog is ${most}, net.ipv4.tcp_syncookies is ${cookies ?? 'unknown'}`
  if (most >= wanted || cookies === 1) return [fine('syn-queue', 'half-open connections', read)]
  const why = `SHARDWIRE_BACKLOG is ${wanted}, but ${most} handshakes can be under way at most, without SYN cookies`
  const mend = ['sysctl -w net.ipv4.tcp_syncookies=1', `sysctl -w net.ipv4.tcp_max_syn_backlog=${wanted}`]
  return [{ check: 'syn-queue', level: 'warning', title: 'few half-open connections', read, why, mend }]
}

/** A reset instead of a drop turns a burst into errors of clients. */
export function checkOverflowReset({ system }: Scene): Finding[] {
  const aborts = readNumber(system, sysctlPath('net.ipv4.tcp_abort_on_overflow'))
  if (aborts === undefined) return []
  const read = `net.ipv4.tcp_abort_on_overflow is ${aborts}`
  if (aborts === 0) return [fine('overflow-reset', 'a full accept queue', read)]
  const why = 'clients are reset when the accept queue is full, instead of trying again a second later'
  const mend = ['sysctl -w net.ipv4.tcp_abort_on_overflow=0']
  return [{ check: 'overflow-reset', level: 'warning', title: 'resets when the accept queue is full', read, why, mend }]
}

export function checkTcpMemory(scene: Scene): Finding[] {
  const [, pressure = 0, high = 0] = readNumbers(scene.system, sysctlPath('net.ipv4.tcp_mem'))
  if (high === 0) return []
  const [saves, most] = [mib(pressure * PAGE_BYTES), mib(high * PAGE_BYTES)]
  const read = `TCP may use ${most}, and saves from ${saves} on (net.ipv4.tcp_mem)`
  const needed = connectionsWanted(scene) * CONNECTION_BYTES.kernel
  if (!isLimitSet(scene) || needed <= pressure * PAGE_BYTES) return [fine('tcp-memory', 'memory of TCP', read)]
  const why =
    `${scene.config.maxConnections} connections with one page of data each are ${mib(needed)}: windows shrink, and ` +
    'beyond the limit data is dropped'
  const pages = Math.ceil((needed * 2) / PAGE_BYTES)
  const mend = [`sysctl -w net.ipv4.tcp_mem="${pages / 2} ${Math.ceil(pages * 0.75)} ${pages}"`]
  return [{ check: 'tcp-memory', level: 'warning', title: 'little memory for TCP', read, why, mend }]
}

/** A firewall that tracks connections drops new ones when its table is full. */
export function checkConntrack(scene: Scene): Finding[] {
  const { system, config } = scene
  const max = readNumber(system, sysctlPath('net.netfilter.nf_conntrack_max'))
  const used = readNumber(system, sysctlPath('net.netfilter.nf_conntrack_count'))
  if (max === undefined || used === undefined) return []
  const read = `connections that the firewall tracks: ${used} of ${max} (net.netfilter.nf_conntrack_max)`
  const ports = config.listen.flatMap((listener) => ('port' in listener ? [listener.port] : []))
  const mendTo = (count: number): string[] => [
    `sysctl -w net.netfilter.nf_conntrack_max=${Math.ceil(count * TABLE_RESERVE)}`,
    ...ports.map((port) => `iptables -t raw -A PREROUTING -p tcp --dport ${port} -j NOTRACK  # or: do not track these`),
  ]
  if (used > max * FULL_PART) {
    const why = 'when it is full new connections are dropped, of this daemon and of everything else here'
    const title = 'the table of tracked connections is nearly full'
    return [{ check: 'conntrack', level: 'critical', title, read, why, mend: mendTo(max * 2) }]
  }
  const wanted = connectionsWanted(scene)
  if (!isLimitSet(scene) || max >= wanted * TABLE_RESERVE) return [fine('conntrack', 'tracked connections', read)]
  const why = `SHARDWIRE_MAX_CONNECTIONS is ${wanted}: the firewall drops new connections before that many are open`
  const title = 'few tracked connections'
  return [{ check: 'conntrack', level: 'warning', title, read, why, mend: mendTo(wanted) }]
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}
