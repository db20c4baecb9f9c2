/** Owns the checks of memory, processors and processes. */
import { type Finding, fine } from '../finding.ts'
import { CONNECTION_BYTES, connectionsWanted, isLimitSet, type Scene, WORKER_BYTES } from '../scene.ts'
import { readNumber, readNumbers, sysctlPath } from '../system.ts'

const MIB = 1024 * 1024
/** Threads of a Node process: its own, V8's and libuv's. */
const THREADS_PER_PROCESS = 12
/** Clocks that a process reads without asking the kernel. */
const FAST_CLOCKS = ['tsc', 'kvm-clock', 'arch_sys_counter', 'hyperv_clocksource_tsc_page']

export function checkMemory(scene: Scene): Finding[] {
  const { config, machine } = scene
  const connections = connectionsWanted(scene)
  const perConnection = CONNECTION_BYTES.worker + CONNECTION_BYTES.kernel
  const needed = config.workers * WORKER_BYTES + connections * perConnection
  const read = `memory that this daemon may use: ${mib(machine.memoryBytes)}`
  if (isLimitSet(scene) && needed > machine.memoryBytes) {
    const why =
      `${connections} idle connections are about ${mib(connections * perConnection)} (${perConnection} bytes each, ` +
      `the kernel's part among them), and ${config.workers} workers ${mib(config.workers * WORKER_BYTES)} without any`
    const fitting = Math.floor((machine.memoryBytes - config.workers * WORKER_BYTES) / perConnection)
    const mend = [`SHARDWIRE_MAX_CONNECTIONS=${Math.max(1, fitting)}`, `MemoryMax=${Math.ceil(needed / MIB)}M`]
    return [{ check: 'memory', level: 'critical', title: 'too little memory', read, why, mend }]
  }
  const most = config.workers * (config.heapMb * MIB + config.maxBufferBytes)
  if (most <= machine.memoryBytes) return [fine('memory', 'memory', read)]
  const why =
    `heaps (SHARDWIRE_HEAP_MB=${config.heapMb}) and buffers (SHARDWIRE_MAX_BUFFER_BYTES=${config.maxBufferBytes}) of ` +
    `${config.workers} workers may become ${mib(most)}: the kernel would kill a worker`
  const share = Math.floor(machine.memoryBytes / config.workers)
  const mend = [
    `SHARDWIRE_HEAP_MB=${Math.max(32, Math.floor(share / 2 / MIB))}`,
    `SHARDWIRE_MAX_BUFFER_BYTES=${Math.max(2 * MIB, Math.floor(share / 4))}`,
  ]
  return [{ check: 'memory', level: 'warning', title: 'limits that are more than the memory', read, why, mend }]
}

export function checkOvercommit({ system }: Scene): Finding[] {
  const mode = readNumber(system, sysctlPath('vm.overcommit_memory'))
  if (mode === undefined) return []
  const read = `vm.overcommit_memory is ${mode}`
  if (mode !== 2) return [fine('overcommit', 'memory that is reserved and not used', read)]
  const why = 'V8 reserves far more addresses than it uses; with 2 they count as used, and workers may fail to start'
  const mend = ['sysctl -w vm.overcommit_memory=0']
  return [{ check: 'overcommit', level: 'warning', title: 'reserved memory counts as used', read, why, mend }]
}

export function checkCores({ config, machine, sources }: Scene): Finding[] {
  const read = `cores that this daemon may use: ${machine.cores}`
  const { workers } = config
  const isSet = sources.workers !== 'default' && sources.workers !== 'computed'
  if (isSet && workers > machine.cores) {
    const why = `${workers} workers share ${machine.cores} cores: each waits for others, and latency grows under load`
    const mend = [`SHARDWIRE_WORKERS=${machine.cores}`]
    return [{ check: 'cores', level: 'note', title: 'more workers than cores', read, why, mend }]
  }
  if (isSet && workers < machine.cores && workers > 1) {
    const why = `${workers} workers leave ${machine.cores - workers} cores to others; that may be what you want`
    return [{ check: 'cores', level: 'note', title: 'fewer workers than cores', read, why, mend: [] }]
  }
  return [fine('cores', 'cores', read)]
}

export function checkProcesses({ system, config }: Scene): Finding[] {
  const group = cgroupOf(system.read('/proc/self/cgroup'))
  const max = readNumber(system, `/sys/fs/cgroup${group}/pids.max`)
  const threads = (config.workers + 1) * THREADS_PER_PROCESS + config.workers * config.offloadThreads
  if (max === undefined) return []
  const read = `threads that this control group may have: ${max} (/sys/fs/cgroup${group}/pids.max)`
  if (max >= threads) return [fine('threads', 'threads', read)]
  const why = `${config.workers} workers and the primary take about ${threads}: some would fail to start`
  const mend = [
    `TasksMax=${threads * 2}  # in the [Service] of its systemd unit`,
    `docker run --pids-limit ${threads * 2} ...`,
  ]
  return [{ check: 'threads', level: 'critical', title: 'too few threads', read, why, mend }]
}

/** A clock that is asked of the kernel costs a hundred times as much as one that is read. */
export function checkClock({ system }: Scene): Finding[] {
  const path = '/sys/devices/system/clocksource/clocksource0/current_clocksource'
  const clock = system.read(path)?.trim()
  if (clock === undefined || clock === '') return []
  const read = `the clock is ${clock} (${path})`
  if (FAST_CLOCKS.includes(clock)) return [fine('clock', 'the clock', read)]
  const why = 'each look at it is a call of the kernel: about a microsecond, of which every request takes some'
  const mend = [`cat ${path.replace('current', 'available')}`, `echo tsc > ${path}  # where the line above has it`]
  return [{ check: 'clock', level: 'note', title: 'a slow clock', read, why, mend }]
}

/** The path of this process's control group, of the one hierarchy that there is since version 2; empty at its root. */
function cgroupOf(text: string | undefined): string {
  const path = /^0::(\/.*)$/m.exec(text ?? '')?.[1] ?? '/'
  return path === '/' ? '' : path
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}

/** How many processes this user may have, of /proc/self/limits. */
export function checkUserProcesses({ system, config }: Scene): Finding[] {
  const soft = /^Max processes\s+(\d+|unlimited)\s/m.exec(system.read('/proc/self/limits') ?? '')?.[1]
  if (soft === undefined || soft === 'unlimited' || system.uid === 0) return []
  const threads = (config.workers + 1) * THREADS_PER_PROCESS + config.workers * config.offloadThreads
  const read = `threads that this user may have: ${soft} (/proc/self/limits)`
  if (Number(soft) >= threads) return [fine('user-threads', 'threads of this user', read)]
  const why = `${config.workers} workers and the primary take about ${threads}: some would fail to start`
  const mend = [`LimitNPROC=${threads * 2}  # in the [Service] of its systemd unit`, `ulimit -u ${threads * 2}`]
  return [{ check: 'user-threads', level: 'critical', title: 'too few threads for this user', read, why, mend }]
}

/** Free pages of swap say nothing; that pages are there at all does, of a daemon whose memory is all in use. */
export function checkSwap({ system }: Scene): Finding[] {
  const swappiness = readNumbers(system, sysctlPath('vm.swappiness'))[0]
  const lines = (system.read('/proc/swaps') ?? '').trim().split('\n').slice(1)
  if (swappiness === undefined || lines.length === 0) return []
  const read = `there is swap, and vm.swappiness is ${swappiness}`
  if (swappiness <= 10) return [fine('swap', 'swap', read)]
  const why = 'what idle connections hold is swapped out before caches are given up, and comes back page by page'
  const mend = ['sysctl -w vm.swappiness=10', 'MemorySwapMax=0  # in the [Service] of its systemd unit']
  return [{ check: 'swap', level: 'note', title: 'swap before caches', read, why, mend }]
}
