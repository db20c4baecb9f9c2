/**
 * Owns the text of /metrics: which figure goes under which name.
 * Must not know: where figures come from, the format.
 * Invariant: every metric of the table is added here and nowhere else.
 */
import { errorName } from '@shardwire/protocol'
import { CLOSE_CLASSES, CLOSE_REASONS } from '../close-reason.ts'
import type { Config } from '../config/load-config.ts'
import { REFUSAL_ROWS, REFUSALS } from '../refusal.ts'
import { VERSION } from '../version.ts'
import { MIRROR_DROP_NAMES } from '../worker/mirror/mirror-counters.ts'
import type { DaemonFigures, SlotSummary } from './daemon-figures.ts'
import { Exposition } from './exposition.ts'
import { DELAY_BOUNDS, DURATION_BOUNDS } from './histogram.ts'
import type { KernelFigures } from './kernel.ts'
import { OUTCOME_ABANDONED, OUTCOME_OK, OUTCOME_OTHER, type RouteCounters } from './route-stats.ts'
import type { VitalTotals } from './vitals.ts'
import type { WorkerFigures } from './worker-figures.ts'

const STATES = ['starting', 'serving', 'leaving'] as const
/** Stands for all routes that the service does not have. */
const UNKNOWN_ROUTE = '(unknown)'

export function renderMetrics(figures: DaemonFigures, kernel: KernelFigures): string {
  const out = new Exposition()
  addDaemon(out, figures)
  addConnections(out, figures)
  for (const slot of figures.slots) addSlot(out, slot)
  addRequests(out, figures.sum)
  addMirror(out, figures)
  addPrimary(out, figures)
  addKernel(out, kernel)
  return out.render()
}

/** As metrics name what became of a frame. */
export function outcomeName(outcome: number): string {
  if (outcome === OUTCOME_OK) return 'ok'
  if (outcome === OUTCOME_ABANDONED) return 'abandoned'
  return outcome === OUTCOME_OTHER ? 'other' : errorName(outcome)
}

/** As metrics name a route. */
export function routeLabel({ number, name }: Pick<RouteCounters, 'number' | 'name'>): string {
  return number < 0 ? UNKNOWN_ROUTE : name
}

/** Addresses as they were configured: of the same one twice (port 0) the later ones with their place. */
export function listenerLabels({ listen }: Pick<Config, 'listen'>): string[] {
  const addresses = listen.map(({ address }) => address)
  return addresses.map((address, index) => (addresses.indexOf(address) === index ? address : `${address}#${index}`))
}

function addDaemon(out: Exposition, { isReady, slots, handoff, reloads }: DaemonFigures): void {
  out.add('shardwire_build_info', 1, VERSION, process.versions.node)
  out.add('shardwire_ready', isReady ? 1 : 0)
  const states = slots.flatMap(({ workers }) => workers.map(({ state }) => state))
  for (const state of STATES) out.add('shardwire_workers', states.filter((one) => one === state).length, state)
  for (const { slot, exits, connectionsLost } of slots) {
    for (const [how, count] of Object.entries(exits)) out.add('shardwire_worker_exits_total', count, slot, how)
    out.add('shardwire_connections_lost_total', connectionsLost, slot)
  }
  for (const outcome of ['done', 'failed', 'refused'] as const) {
    out.add('shardwire_reloads_total', reloads[outcome], outcome)
  }
  out.add('shardwire_last_reload_timestamp_seconds', reloads.lastDoneAtSeconds)
  out.add('shardwire_handoff_pending_connections', handoff.pending)
  out.add('shardwire_handoff_retries_total', handoff.offeredAgain)
}

function addConnections(out: Exposition, { config, slots, sum, refusals }: DaemonFigures): void {
  const labels = listenerLabels(config)
  for (const { slot, figures } of slots) {
    const { openByListener, totalByListener } = figures.counters
    for (const [index, label] of labels.entries()) {
      out.add('shardwire_connections_open', openByListener[index] ?? 0, label, slot)
      out.add('shardwire_connections_accepted_total', totalByListener[index] ?? 0, label, slot)
    }
  }
  const { closes, heartbeatRoundTrip } = sum.counters
  for (const [code, reason] of CLOSE_REASONS.entries()) {
    // What an open connection has in the place of a reason.
    if (reason === 'OPEN') continue
    out.add('shardwire_connections_closed_total', closes[code] ?? 0, reason, CLOSE_CLASSES[reason])
  }
  for (const [code, reason] of REFUSALS.entries()) {
    out.add('shardwire_connections_refused_total', refusals[code] ?? 0, reason, REFUSAL_ROWS[reason].class)
  }
  out.addHistogram('shardwire_heartbeat_round_trip_seconds', heartbeatRoundTrip, DURATION_BOUNDS)
}

function addSlot(out: Exposition, { slot, figures }: SlotSummary): void {
  const { counters, vitals } = figures
  out.add('shardwire_heartbeat_pings_total', counters.pings, slot)
  out.add('shardwire_received_bytes_total', counters.bytesIn, slot)
  out.add('shardwire_received_frames_total', counters.framesIn, slot)
  out.add('shardwire_life_signs_total', counters.lifeSigns, slot)
  out.add('shardwire_sent_bytes_total', counters.bytesOut, slot)
  out.add('shardwire_sent_frames_total', counters.framesOut, slot)
  out.add('shardwire_writes_total', counters.writes, slot)
  out.add('shardwire_requests_in_flight', counters.callsInFlight, slot)
  out.add('shardwire_handlers_running', counters.handlersRunning, slot)
  out.add('shardwire_frames_refused_total', counters.rateLimited, slot, 'rate')
  out.add('shardwire_frames_refused_total', counters.shed, slot, 'overload')
  out.add('shardwire_messages_expired_total', counters.messagesExpired, slot)
  out.add('shardwire_unknown_ids_total', counters.unknownIds, slot)
  out.add('shardwire_worker_overload_level', counters.overload, slot)
  out.add('shardwire_worker_ring_leases_total', counters.ringsLeased, slot)
  out.add('shardwire_worker_uncaught_exceptions_total', counters.uncaughtExceptions, slot)
  out.add('shardwire_worker_stray_rejections_total', counters.strayRejections, slot)
  addOffload(out, slot, figures)
  addVitalTotals(out, slot, vitals.totals)
  addVitalLevels(out, slot, figures)
}

function addOffload(out: Exposition, slot: number, { offload }: WorkerFigures): void {
  out.add('shardwire_offload_tasks_total', offload.offered, slot)
  out.add('shardwire_offload_completed_total', offload.completed, slot)
  out.add('shardwire_offload_refused_total', offload.refused, slot)
  out.add('shardwire_offload_killed_threads_total', offload.killed, slot)
  out.add('shardwire_offload_threads', offload.threads, slot)
  out.add('shardwire_offload_waiting', offload.waiting, slot)
  out.add('shardwire_offload_running', offload.running, slot)
}

function addVitalTotals(out: Exposition, slot: number, totals: VitalTotals): void {
  out.addHistogram('shardwire_worker_event_loop_delay_seconds', totals.loopDelay, DELAY_BOUNDS, slot)
  out.add('shardwire_worker_event_loop_active_seconds_total', totals.loopActive, slot)
  out.add('shardwire_worker_event_loop_idle_seconds_total', totals.loopIdle, slot)
  out.add('shardwire_worker_cpu_seconds_total', totals.cpuUser, slot, 'user')
  out.add('shardwire_worker_cpu_seconds_total', totals.cpuSystem, slot, 'system')
  const { gcMinor, gcMajor, gcIncremental } = totals
  out.add('shardwire_worker_gc_seconds_total', gcMinor.sum + gcMajor.sum + gcIncremental.sum, slot)
}

function addVitalLevels(out: Exposition, slot: number, { vitals: { levels } }: WorkerFigures): void {
  out.add('shardwire_worker_resident_memory_bytes', levels.resident, slot)
  out.add('shardwire_worker_heap_used_bytes', levels.heapUsed, slot)
  out.add('shardwire_worker_heap_size_bytes', levels.heapTotal, slot)
  out.add('shardwire_worker_heap_limit_bytes', levels.heapLimit, slot)
  out.add('shardwire_worker_external_memory_bytes', levels.external, slot)
  out.add('shardwire_worker_array_buffers_bytes', levels.arrayBuffers, slot)
  out.add('shardwire_worker_open_files', levels.openFiles, slot)
  out.add('shardwire_worker_open_files_limit', levels.openFilesMax, slot)
  out.add('shardwire_worker_buffer_leased_bytes', levels.bufferLeased, slot)
  out.add('shardwire_worker_buffer_leased_blocks', levels.bufferBlocks, slot)
  out.add('shardwire_worker_buffer_free_bytes', levels.bufferFree, slot)
  out.add('shardwire_worker_buffer_limit_bytes', levels.bufferMax, slot)
}

function addRequests(out: Exposition, { counters, routes, vitals, offload }: WorkerFigures): void {
  out.addHistogram('shardwire_offload_wait_seconds', offload.waitTime, DURATION_BOUNDS)
  out.addHistogram('shardwire_offload_run_seconds', offload.runTime, DURATION_BOUNDS)
  for (const route of routes.values()) {
    const label = routeLabel(route)
    // An outcome that never came is left out: every route could have some twenty of them, twice.
    for (const [outcome, count] of route.requests.entries()) {
      if (count > 0 || outcome === OUTCOME_OK) out.add('shardwire_requests_total', count, label, outcomeName(outcome))
    }
    for (const [outcome, count] of route.messages.entries()) {
      if (count > 0 || outcome === OUTCOME_OK) out.add('shardwire_messages_total', count, label, outcomeName(outcome))
    }
    out.addHistogram('shardwire_request_duration_seconds', route.latency, DURATION_BOUNDS, label)
  }
  for (const [code, count] of counters.errors.entries()) {
    if (code > 0) out.add('shardwire_errors_sent_total', count, errorName(code))
  }
  const { gcMinor, gcMajor, gcIncremental } = vitals.totals
  const pauses = { minor: gcMinor, major: gcMajor, incremental: gcIncremental }
  for (const [kind, pause] of Object.entries(pauses)) {
    out.addHistogram('shardwire_gc_pause_seconds', pause, DELAY_BOUNDS, kind)
  }
}

function addMirror(out: Exposition, { config, sum }: DaemonFigures): void {
  if (config.mirror === null) return
  const { sampled, sent, waiting, dropped, connects, uncompared, routes } = sum.counters.mirror
  out.add('shardwire_mirror_sampled_total', sampled)
  out.add('shardwire_mirror_sent_total', sent)
  out.add('shardwire_mirror_waiting', waiting)
  out.add('shardwire_mirror_connects_total', connects)
  out.add('shardwire_mirror_uncompared_total', uncompared)
  for (const [reason, name] of MIRROR_DROP_NAMES.entries()) {
    out.add('shardwire_mirror_dropped_total', dropped[reason] ?? 0, name)
  }
  for (const { name, matched, differed, unanswered } of routes) {
    for (const [result, count] of Object.entries({ matched, differed, unanswered })) {
      out.add('shardwire_mirror_compared_total', count, name, result)
    }
  }
}

function addPrimary(out: Exposition, { primary: { totals, levels }, startedAtSeconds }: DaemonFigures): void {
  out.add('process_cpu_seconds_total', totals.cpuUser + totals.cpuSystem)
  out.add('process_resident_memory_bytes', levels.resident)
  out.add('process_open_fds', levels.openFiles)
  out.add('process_max_fds', levels.openFilesMax)
  out.add('process_start_time_seconds', startedAtSeconds)
  out.add('shardwire_primary_heap_used_bytes', levels.heapUsed)
  out.addHistogram('shardwire_primary_event_loop_delay_seconds', totals.loopDelay, DELAY_BOUNDS)
  out.add('shardwire_primary_event_loop_active_seconds_total', totals.loopActive)
  out.add('shardwire_primary_event_loop_idle_seconds_total', totals.loopIdle)
}

const KERNEL_COUNTERS = {
  shardwire_kernel_listen_overflows_total: 'TcpExt.ListenOverflows',
  shardwire_kernel_listen_drops_total: 'TcpExt.ListenDrops',
  shardwire_kernel_syn_cookies_total: 'TcpExt.SyncookiesSent',
  shardwire_kernel_sent_segments_total: 'Tcp.OutSegs',
  shardwire_kernel_received_segments_total: 'Tcp.InSegs',
  shardwire_kernel_retransmitted_segments_total: 'Tcp.RetransSegs',
  shardwire_kernel_timeouts_total: 'TcpExt.TCPTimeouts',
  shardwire_kernel_resets_sent_total: 'Tcp.OutRsts',
  shardwire_kernel_memory_pressure_total: 'TcpExt.TCPMemoryPressures',
  shardwire_kernel_memory_aborts_total: 'TcpExt.TCPAbortOnMemory',
} as const

function addKernel(out: Exposition, { counters, sockets, memoryMax }: KernelFigures): void {
  for (const [name, source] of Object.entries(KERNEL_COUNTERS) as [keyof typeof KERNEL_COUNTERS, string][]) {
    const value = counters.get(source)
    if (value !== undefined) out.add(name, value)
  }
  if (sockets !== undefined) {
    const { inUse, orphan, timeWait, allocated, memory } = sockets
    const states = { in_use: inUse, orphan, time_wait: timeWait, allocated }
    for (const [state, count] of Object.entries(states)) out.add('shardwire_kernel_tcp_sockets', count, state)
    out.add('shardwire_kernel_tcp_memory_bytes', memory)
  }
  if (memoryMax !== undefined) out.add('shardwire_kernel_tcp_memory_limit_bytes', memoryMax)
}
