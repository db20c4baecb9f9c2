/**
 * Owns putting together what serves connections: the service with its threads, its hooks, and the shard that runs it.
 * Must not know: where sockets come from, who asked for it.
 * Invariant: the service has been started (its onStart is done) before there is a shard.
 */
import type { Clock } from '@shardwire/protocol'
import { listenerCodecs, loadCodecModules } from '../codec/listener-codecs.ts'
import type { Config } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import type { OffloadPool } from '../offload/offload-pool.ts'
import type { Service } from '../service/service.ts'
import type { Tracing } from '../trace/tracer.ts'
import type { RawBinding } from '../transport/raw-handle.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { SERVER_NAME } from '../version.ts'
import { CloseLog } from './close-log.ts'
import type { Connection, ShardIdentity } from './connection.ts'
import { createService } from './create-service.ts'
import { createFailureReport, createHookReport } from './failure-report.ts'
import { createMirrorReport } from './mirror/mirror-report.ts'
import { createOverloadReport } from './overload-report.ts'
import { Shard } from './shard.ts'
import { WorkerHooks } from './worker-hooks.ts'

export interface CreateShardOptions {
  readonly identity: ShardIdentity
  readonly config: Config
  readonly service: Service
  readonly log: Logger
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  /** Whether sockets come with the options of their listener. */
  readonly configured: boolean
  /** What TLS is spoken with, asked when the service has started; null where no listener has it. */
  readonly tls: () => TlsMaterial | null
  /** Undefined where nothing is traced. */
  readonly tracing?: Tracing | undefined
  readonly rawBinding: RawBinding | undefined
  /** A connection is gone. */
  readonly onClosed: (connection: Connection) => void
  /** What the start fails with when onStart throws this; the same unless set. */
  readonly startFault?: (thrown: unknown) => Error
  /** Told of each tick of the wheel by how much it came late, in milliseconds. */
  readonly onTick?: (lateMs: number) => void
}

export interface CreatedShard {
  readonly shard: Shard
  readonly hooks: WorkerHooks
  readonly offload: OffloadPool
  readonly tracing: Tracing | undefined
}

/**
 * Rejects with what onStart throws, with the tasks that no thread could find, or with the listener whose codec or route
 * there is not.
 */
export async function createShard(options: CreateShardOptions): Promise<CreatedShard> {
  const { identity, config, log, clock, tls, tracing, ...others } = options
  const {
    service,
    pool: offload,
    caller,
  } = await createService(options.service, {
    ...others,
    config,
    clock,
    log,
    worker: identity.slot,
    tracer: tracing?.tracer,
  })
  const modules = await loadCodecModules(config.listen)
  const codecs = listenerCodecs(config.listen, service, () => clock.wallMs(), modules)
  const report = createHookReport(log, clock)
  const hooks = new WorkerHooks({ hooks: service.hooks, worker: { shard: identity.slot, log }, clock, report })
  try {
    await hooks.start()
  } catch (error) {
    throw options.startFault?.(error) ?? error
  }
  const shard = new Shard({
    ...others,
    identity,
    config,
    tls: tls(),
    service,
    tasks: caller,
    codecs,
    hooks,
    log,
    clock,
    serverName: SERVER_NAME,
    report: createFailureReport(log, clock),
    onFault: (error) => log.error({ event: 'internal-fault', err: error }, 'a fault of this server ended a connection'),
    closeLog: new CloseLog(log, clock),
    onOverload: createOverloadReport(log),
    mirrorReport: createMirrorReport(log, clock, config.mirror),
  })
  return { shard, hooks, offload, tracing }
}
