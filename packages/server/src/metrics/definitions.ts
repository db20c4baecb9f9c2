/**
 * Owns the metrics of this server: name, type, labels, and what each one tells. docs/metrics.md is made from here.
 * Must not know: where figures come from.
 * Invariant: names keep to Prometheus' conventions: base units, `_total` behind what only grows. A name is never given
 * another meaning.
 */

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** For people, one sentence. */
  readonly help: string
  readonly labels: readonly string[]
}

/** Groups of the documentation, and the order of the exposition. */
export interface MetricGroup {
  readonly title: string
  readonly metrics: Readonly<Record<string, Metric>>
}

function counter(help: string, ...labels: readonly string[]): Metric {
  return { type: 'counter', help, labels }
}

function gauge(help: string, ...labels: readonly string[]): Metric {
  return { type: 'gauge', help, labels }
}

function histogram(help: string, ...labels: readonly string[]): Metric {
  return { type: 'histogram', help, labels }
}

const DAEMON = {
  shardwire_build_info: gauge('Version of the daemon and of its Node; always 1.', 'version', 'node'),
  shardwire_ready: gauge('Whether it should be sent new connections: what /readyz says.'),
  shardwire_workers: gauge('Worker processes by what they do: starting, serving, leaving.', 'state'),
  shardwire_worker_exits_total: counter(
    'Worker processes that ended: drained, as they were told to; died, of themselves; failed, before they served.',
    'worker',
    'how',
  ),
  shardwire_reloads_total: counter(
    'Reloads by outcome: done; failed, some slots kept their old worker; refused, nothing was begun.',
    'outcome',
  ),
  shardwire_last_reload_timestamp_seconds: gauge('When the last reload was done; 0 before there was one.'),
  shardwire_handoff_pending_connections: gauge('Accepted sockets on their way to a worker.'),
  shardwire_handoff_retries_total: counter('Accepted sockets that were offered to another worker.'),
}

const CONNECTIONS = {
  shardwire_connections_open: gauge('Connections by listener and worker.', 'listener', 'worker'),
  shardwire_connections_accepted_total: counter('Connections that a worker took.', 'listener', 'worker'),
  shardwire_connections_closed_total: counter('Connections that ended, by reason and its class.', 'reason', 'class'),
  shardwire_connections_lost_total: counter('Connections that ended with a worker that died, at most.', 'worker'),
  shardwire_connections_refused_total: counter(
    'Sockets that were accepted and closed unserved, by reason and its class.',
    'reason',
    'class',
  ),
  shardwire_heartbeat_pings_total: counter('PINGs sent to silent clients.', 'worker'),
  shardwire_heartbeat_round_trip_seconds: histogram(
    'Time from a PING to its PONG, as long as the worker itself takes to see it among it.',
  ),
}

const TRAFFIC = {
  shardwire_received_bytes_total: counter('Bytes read from clients.', 'worker'),
  shardwire_received_frames_total: counter('Whole frames read from clients.', 'worker'),
  shardwire_life_signs_total: counter(
    'What codecs without PING know to be no message, but that the client lives.',
    'worker',
  ),
  shardwire_sent_bytes_total: counter('Bytes written to clients.', 'worker'),
  shardwire_sent_frames_total: counter('Frames written to clients.', 'worker'),
  shardwire_writes_total: counter('Writes to sockets: one for all answers to a read when all is well.', 'worker'),
}

const REQUESTS = {
  shardwire_requests_total: counter(
    'REQUESTs by route and outcome: ok, the error code that was answered, or abandoned, when the client left first.',
    'route',
    'outcome',
  ),
  shardwire_messages_total: counter('MESSAGEs by route and outcome, likewise.', 'route', 'outcome'),
  shardwire_request_duration_seconds: histogram(
    'Time from the dispatch of a REQUEST or MESSAGE to its answer; of busy routes estimated from a sample.',
    'route',
  ),
  shardwire_requests_in_flight: gauge('Asynchronous handlers whose answer is owed.', 'worker'),
  shardwire_handlers_running: gauge('Asynchronous handlers that have not ended, answered or not.', 'worker'),
  shardwire_errors_sent_total: counter('ERROR frames sent, by code.', 'code'),
  shardwire_frames_refused_total: counter(
    'Frames refused before their route was looked at: for the rate of their connection, or for overload.',
    'worker',
    'cause',
  ),
  shardwire_messages_expired_total: counter('MESSAGEs whose deadline passed, which nobody is told of.', 'worker'),
  shardwire_unknown_ids_total: counter('RESPONSE, ERROR and CANCEL frames for what is not in flight.', 'worker'),
}

const OFFLOAD = {
  shardwire_offload_tasks_total: counter('Tasks for threads that came, refused ones among them.', 'worker'),
  shardwire_offload_completed_total: counter('Tasks that ended by themselves.', 'worker'),
  shardwire_offload_refused_total: counter('Tasks that were refused since too many waited.', 'worker'),
  shardwire_offload_killed_threads_total: counter('Threads ended for a task that was aborted and went on.', 'worker'),
  shardwire_offload_threads: gauge('Threads that exist.', 'worker'),
  shardwire_offload_waiting: gauge('Tasks that wait for a thread.', 'worker'),
  shardwire_offload_running: gauge('Tasks that run.', 'worker'),
  shardwire_offload_wait_seconds: histogram('Time that tasks waited for a thread.'),
  shardwire_offload_run_seconds: histogram('Time that tasks ran, whatever their end.'),
}

const WORKERS = {
  shardwire_worker_overload_level: gauge(
    'What is shed: 0 nothing, 1 new connections, 2 requests too, 3 the largest holders of buffers as well.',
    'worker',
  ),
  shardwire_worker_event_loop_delay_seconds: histogram('By how much timers of the event loop came late.', 'worker'),
  shardwire_worker_event_loop_active_seconds_total: counter('Time in which the event loop worked.', 'worker'),
  shardwire_worker_event_loop_idle_seconds_total: counter('Time in which the event loop waited.', 'worker'),
  shardwire_worker_cpu_seconds_total: counter('CPU time, by mode: user, system.', 'worker', 'mode'),
  shardwire_worker_gc_seconds_total: counter('Time in garbage collections.', 'worker'),
  shardwire_gc_pause_seconds: histogram(
    'Garbage collections of all workers by kind: minor, major, incremental.',
    'kind',
  ),
  shardwire_worker_resident_memory_bytes: gauge('Memory that is resident.', 'worker'),
  shardwire_worker_heap_used_bytes: gauge('Heap of V8 that is in use, garbage among it.', 'worker'),
  shardwire_worker_heap_size_bytes: gauge('Heap of V8 that was taken from the system.', 'worker'),
  shardwire_worker_heap_limit_bytes: gauge('Heap that may live on (SHARDWIRE_HEAP_MB).', 'worker'),
  shardwire_worker_external_memory_bytes: gauge('Memory outside of the heap that objects of it hold.', 'worker'),
  shardwire_worker_array_buffers_bytes: gauge('The part of that which is buffers.', 'worker'),
  shardwire_worker_open_files: gauge('Open files, sockets among them.', 'worker'),
  shardwire_worker_open_files_limit: gauge('Most files that it may have open.', 'worker'),
  shardwire_worker_buffer_leased_bytes: gauge('Buffers on loan: partial frames and unsent bytes.', 'worker'),
  shardwire_worker_buffer_leased_blocks: gauge('Blocks on loan.', 'worker'),
  shardwire_worker_buffer_free_bytes: gauge('Buffers kept for the next loan.', 'worker'),
  shardwire_worker_buffer_limit_bytes: gauge('Most buffers on loan and kept together.', 'worker'),
  shardwire_worker_ring_leases_total: counter('Loans for frames that were cut.', 'worker'),
  shardwire_worker_uncaught_exceptions_total: counter('Exceptions that nobody caught.', 'worker'),
  shardwire_worker_stray_rejections_total: counter('Promises that rejected and that nobody awaited.', 'worker'),
}

const MIRROR = {
  shardwire_mirror_sampled_total: counter('MESSAGEs and REQUESTs chosen to be mirrored.'),
  shardwire_mirror_sent_total: counter('Those that the kernel took for the target.'),
  shardwire_mirror_waiting: gauge('Those that wait for that.'),
  shardwire_mirror_dropped_total: counter('Those that were dropped, by reason.', 'reason'),
  shardwire_mirror_connects_total: counter('Connections to the target that became ready.'),
  shardwire_mirror_compared_total: counter(
    'Answers that were compared, by route and result: matched, differed, unanswered.',
    'route',
    'result',
  ),
  shardwire_mirror_uncompared_total: counter('REQUESTs of compared routes that could not be compared.'),
}

const PRIMARY = {
  process_cpu_seconds_total: counter('CPU time of the primary process.'),
  process_resident_memory_bytes: gauge('Resident memory of the primary process.'),
  process_open_fds: gauge('Open files of the primary process.'),
  process_max_fds: gauge('Most files that the primary process may have open.'),
  process_start_time_seconds: gauge('When the primary process started, in seconds since 1970.'),
  shardwire_primary_heap_used_bytes: gauge('Heap of V8 of the primary that is in use.'),
  shardwire_primary_event_loop_delay_seconds: histogram('By how much timers of its event loop came late.'),
  shardwire_primary_event_loop_active_seconds_total: counter('Time in which its event loop worked.'),
  shardwire_primary_event_loop_idle_seconds_total: counter('Time in which its event loop waited.'),
}

const KERNEL = {
  shardwire_kernel_listen_overflows_total: counter('Connections dropped since an accept queue was full.'),
  shardwire_kernel_listen_drops_total: counter('Connections dropped before they were accepted, those among them.'),
  shardwire_kernel_syn_cookies_total: counter('SYN cookies sent: a queue of half-open connections was full.'),
  shardwire_kernel_sent_segments_total: counter('TCP segments sent, without repeats.'),
  shardwire_kernel_received_segments_total: counter('TCP segments received.'),
  shardwire_kernel_retransmitted_segments_total: counter('TCP segments sent again.'),
  shardwire_kernel_timeouts_total: counter('TCP retransmission timeouts.'),
  shardwire_kernel_resets_sent_total: counter('TCP resets sent.'),
  shardwire_kernel_memory_pressure_total: counter('Times that memory for TCP became scarce.'),
  shardwire_kernel_memory_aborts_total: counter('TCP connections cut off for want of memory.'),
  shardwire_kernel_tcp_sockets: gauge(
    'TCP sockets by state: in_use, orphan (no process has it), time_wait, allocated.',
    'state',
  ),
  shardwire_kernel_tcp_memory_bytes: gauge('Memory that TCP has taken for buffers.'),
  shardwire_kernel_tcp_memory_limit_bytes: gauge('Most memory that TCP may take (net.ipv4.tcp_mem).'),
}

const GROUP_TABLE = {
  daemon: { title: 'The daemon', metrics: DAEMON },
  connections: { title: 'Connections', metrics: CONNECTIONS },
  traffic: { title: 'Traffic', metrics: TRAFFIC },
  requests: { title: 'Requests', metrics: REQUESTS },
  offload: { title: 'Routes that run in threads', metrics: OFFLOAD },
  workers: { title: 'Workers', metrics: WORKERS },
  mirror: { title: 'Mirroring, where SHARDWIRE_MIRROR is set', metrics: MIRROR },
  primary: { title: 'The primary', metrics: PRIMARY },
  kernel: { title: 'The kernel, on Linux: of all processes in the same network namespace', metrics: KERNEL },
}

export const METRIC_GROUPS: readonly MetricGroup[] = Object.values(GROUP_TABLE)

export type MetricName =
  | keyof typeof DAEMON
  | keyof typeof CONNECTIONS
  | keyof typeof TRAFFIC
  | keyof typeof REQUESTS
  | keyof typeof OFFLOAD
  | keyof typeof WORKERS
  | keyof typeof MIRROR
  | keyof typeof PRIMARY
  | keyof typeof KERNEL

/** All of them, in the order of the groups. */
export const METRICS: Readonly<Record<MetricName, Metric>> = {
  ...DAEMON,
  ...CONNECTIONS,
  ...TRAFFIC,
  ...REQUESTS,
  ...OFFLOAD,
  ...WORKERS,
  ...MIRROR,
  ...PRIMARY,
  ...KERNEL,
}
