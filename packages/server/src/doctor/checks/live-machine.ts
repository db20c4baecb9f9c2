/** Owns the checks of the machine under a running daemon: queues, repeats, loss, cores, memory, bandwidth. */
import { bytesText, percentText } from '../../admin/units.ts'
import { type Finding, fine } from '../finding.ts'
import { grew, type Link } from '../observation.ts'
import { readNumber, sysctlPath } from '../system.ts'
import type { Live } from './live-daemon.ts'

const RETRANSMITS_NOTE = 0.01
const RETRANSMITS_WARN = 0.05
/** Fewer segments say nothing. */
const SEGMENTS_MIN = 200
const STEAL_PART = 0.05
const IDLE_PART = 0.05
const PRESSURE_PART = 0.2
const MEMORY_FULL = 0.92
const LINK_FULL = 0.8
const QUEUE_PART = 0.5
const TCP_MEMORY_FULL = 0.8
const BACKLOG_MAX = 65_535
const MS_PER_S = 1000
const BITS_PER_BYTE = 8
const BITS_PER_MBIT = 1e6

export function checkMachine(live: Live): Finding[] {
  return [
    ...checkOverflows(live),
    ...checkWaiting(live),
    ...checkRetransmits(live),
    ...checkTcpMemory(live),
    ...checkPackets(live),
    ...checkLinks(live),
    ...checkProcessors(live),
    ...checkMemory(live),
  ]
}

function checkOverflows({ before, after, scene }: Live): Finding[] {
  const name = 'TcpExt.ListenOverflows'
  const total = after.kernel.counters.get(name)
  if (total === undefined) return []
  const more = grew(before.kernel.counters, after.kernel.counters, name)
  const read = `connects dropped at a full accept queue: ${more} meanwhile, ${total} in all (ListenOverflows)`
  if (total === 0) return [fine('listen-overflow', 'accept queues', read)]
  const backlog = Math.max(...scene.config.listen.map((listener) => listener.backlog))
  const why = 'each such client waits a second or more and tries again; the counter is that of all listeners here'
  const wanted = Math.min(BACKLOG_MAX, backlog * 4)
  const somaxconn = readNumber(scene.system, sysctlPath('net.core.somaxconn')) ?? 0
  const mend = [
    `SHARDWIRE_BACKLOG=${wanted}`,
    ...(somaxconn < wanted ? [`sysctl -w net.core.somaxconn=${wanted}`] : []),
    ...(scene.config.accept === 'handoff' ? ['SHARDWIRE_ACCEPT=reuseport  # accepts more a second'] : []),
  ]
  const level = more > 0 ? 'critical' : 'note'
  const title = more > 0 ? 'accept queues overflow' : 'accept queues have overflowed'
  return [{ check: 'listen-overflow', level, title, read, why, mend }]
}

function checkWaiting({ after, scene }: Live): Finding[] {
  return scene.config.listen.flatMap((listener) => {
    const queued = 'port' in listener ? after.waiting.get(listener.port) : undefined
    if (queued === undefined || queued <= listener.backlog * QUEUE_PART) return []
    const read = `${queued} connections wait to be accepted on ${listener.address}, of ${listener.backlog} that may`
    const why = 'they come faster than they are accepted'
    const mend = scene.config.accept === 'handoff' ? ['SHARDWIRE_ACCEPT=reuseport'] : ['shardwire top']
    return [{ check: 'accept-wait', level: 'warning' as const, title: 'accepts are behind', read, why, mend }]
  })
}

function checkRetransmits({ before, after }: Live): Finding[] {
  const [from, to] = [before.kernel.counters, after.kernel.counters]
  if (!to.has('Tcp.RetransSegs')) return []
  const [again, sent] = [grew(from, to, 'Tcp.RetransSegs'), grew(from, to, 'Tcp.OutSegs')]
  const part = sent < SEGMENTS_MIN ? 0 : again / sent
  const timeouts = grew(from, to, 'TcpExt.TCPTimeouts')
  const read = `TCP segments sent again: ${again} of ${sent} meanwhile, ${timeouts} of them after a timeout`
  if (part < RETRANSMITS_NOTE) return [fine('retransmits', 'loss on the way', read)]
  const why = `${percentText(part)} of what is sent is lost or late on its way: latency grows by the timeouts`
  const mend = [
    'ss -ti state established  # retrans and rtt of each connection',
    'ip -s link  # drops of the interfaces',
  ]
  const level = part >= RETRANSMITS_WARN ? 'warning' : 'note'
  return [{ check: 'retransmits', level, title: 'segments are lost', read, why, mend }]
}

function checkTcpMemory({ before, after }: Live): Finding[] {
  const { sockets, memoryMax, counters } = after.kernel
  if (sockets === undefined || memoryMax === undefined) return []
  const scarce = grew(before.kernel.counters, counters, 'TcpExt.TCPMemoryPressures')
  const used = bytesText(sockets.memory)
  const read = `memory of TCP: ${used} of ${bytesText(memoryMax)}, scarce ${scarce} times meanwhile`
  if (scarce === 0 && sockets.memory < memoryMax * TCP_MEMORY_FULL)
    return [fine('tcp-memory-use', 'memory of TCP', read)]
  const why = 'the kernel shrinks windows, and drops data when it is spent: of every process of this machine'
  const pages = Math.ceil((memoryMax * 2) / 4096)
  const mend = [`sysctl -w net.ipv4.tcp_mem="${Math.ceil(pages / 2)} ${Math.ceil(pages * 0.75)} ${pages}"`]
  return [{ check: 'tcp-memory-use', level: 'critical', title: 'memory of TCP is scarce', read, why, mend }]
}

function checkPackets({ before, after }: Live): Finding[] {
  const dropped = after.softnet.dropped - before.softnet.dropped
  const squeezed = after.softnet.squeezed - before.softnet.squeezed
  const read = `packets that the kernel had no room for: ${dropped}, and no time for: ${squeezed} times (softnet_stat)`
  if (dropped <= 0 && squeezed <= 0) return [fine('packets', 'packets before TCP', read)]
  const why = dropped > 0 ? 'they are lost, and sent again' : 'a core is late with them'
  const mend = ['sysctl -w net.core.netdev_max_backlog=16384', 'sysctl -w net.core.netdev_budget=600']
  const level = dropped > 0 ? 'warning' : 'note'
  return [{ check: 'packets', level, title: 'the kernel is late with packets', read, why, mend }]
}

function checkLinks({ before, after }: Live): Finding[] {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / MS_PER_S)
  return after.links.flatMap((link) => {
    const earlier = before.links.find(({ name }) => name === link.name)
    return earlier === undefined ? [] : [linkFinding(earlier, link, seconds)]
  })
}

function linkFinding(before: Link, after: Link, seconds: number): Finding {
  const check = `link ${after.name}`
  const rate = Math.max(after.rxBytes - before.rxBytes, after.txBytes - before.txBytes) / seconds
  const most = after.speedMbit === undefined ? undefined : (after.speedMbit * BITS_PER_MBIT) / BITS_PER_BYTE
  const lost = after.lost - before.lost
  const of = most === undefined ? 'its speed is not known' : `of ${bytesText(most)}/s (${after.speedMbit} Mbit/s)`
  const carries = `${after.name} carries ${bytesText(rate)}/s in its busier direction`
  const read = `${carries}, ${of}; ${lost} packets lost meanwhile`
  const mend = [`ethtool -S ${after.name} | grep -E 'drop|err'`, `ip -s link show ${after.name}`]
  if (most !== undefined && rate > most * LINK_FULL) {
    const why = 'it is nearly full: more takes another interface, smaller answers, or another machine'
    return { check, level: 'critical', title: 'an interface is nearly full', read, why, mend }
  }
  if (lost > 0) {
    const why = 'what it loses is sent again, later'
    return { check, level: 'warning', title: 'an interface loses packets', read, why, mend }
  }
  return fine(check, `the interface ${after.name}`, read)
}

function checkProcessors({ before, after, scene }: Live): Finding[] {
  const findings: Finding[] = []
  const throttled = (after.throttled ?? 0) - (before.throttled ?? 0)
  if (throttled > 0) {
    const read = `its control group had used up its cores ${throttled} times meanwhile (cpu.stat)`
    const why = 'everything stands still then until the next period: latency grows by up to 100 ms'
    const mend = [`CPUQuota=${(scene.machine.cores + 1) * 100}%  # or resources.limits.cpu, or no limit at all`]
    findings.push({ check: 'throttled', level: 'critical', title: 'the cores are cut', read, why, mend })
  }
  if (before.cpu === undefined || after.cpu === undefined) return findings
  const all = Math.max(1, after.cpu.all - before.cpu.all)
  const idle = (after.cpu.idle - before.cpu.idle) / all
  const steal = (after.cpu.steal - before.cpu.steal) / all
  const pressure = after.cpuPressure ?? 0
  const read =
    `all cores: ${percentText(idle)} idle, ${percentText(steal)} taken by other machines of this host; ` +
    `somebody waited for one ${percentText(pressure)} of the last ten seconds`
  const mend = ['shardwire top', 'top -o %CPU']
  if (steal > STEAL_PART) {
    const why = 'the host gives this machine less than it shows: nothing here can mend that'
    findings.push({ check: 'cpu', level: 'warning', title: 'cores are stolen', read, why, mend: [] })
  } else if (idle < IDLE_PART || pressure > PRESSURE_PART) {
    const why = 'processes wait for a core: every request waits with them'
    findings.push({ check: 'cpu', level: 'warning', title: 'no core is free', read, why, mend })
  } else findings.push(fine('cpu', 'cores', read))
  return findings
}

function checkMemory({ before, after }: Live): Finding[] {
  const findings: Finding[] = []
  const killed = (after.killed ?? 0) - (before.killed ?? 0)
  if ((after.killed ?? 0) > 0) {
    const read = `processes of its control group that were killed for want of memory: ${after.killed} (memory.events)`
    const why = 'a worker that is killed takes its connections along'
    const mend = ['a larger MemoryMax, or resources.limits.memory; or a lower SHARDWIRE_HEAP_MB']
    const level = killed > 0 ? 'critical' : 'warning'
    findings.push({ check: 'oom', level, title: 'processes were killed for want of memory', read, why, mend })
  }
  if (after.memory === undefined) return findings
  const { used, max } = after.memory
  const read = `memory in use: ${bytesText(used)} of ${bytesText(max)}`
  if (used < max * MEMORY_FULL && (after.memoryPressure ?? 0) < PRESSURE_PART) return [...findings, memoryFine(read)]
  const why = 'when it is spent the kernel kills a process'
  const mend = ['shardwire status  # resident memory of each worker', 'shardwire conns --sort held']
  return [...findings, { check: 'memory-use', level: 'warning', title: 'memory is nearly spent', read, why, mend }]
}

function memoryFine(read: string): Finding {
  return fine('memory-use', 'memory', read)
}
