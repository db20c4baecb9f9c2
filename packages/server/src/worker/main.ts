/**
 * Owns the life of a shard worker process: its words with the primary, from `start` to `drained`.
 * Must not know: how a connection is served.
 * Invariant: it obeys the primary only: signals are ignored, and a channel that closes ends the process.
 */
import { Socket } from 'node:net'
import { systemClock } from '../clock.ts'
import { importFault } from '../import-fault.ts'
import {
  isMessage,
  SNAPSHOT_INTERVAL_MS,
  type SocketTicket,
  type StartMessage,
  type ToPrimary,
  type ToWorker,
} from '../ipc.ts'
import { createLogger, type Logger } from '../log.ts'
import { VitalSigns } from '../metrics/vitals.ts'
import { systemRandom } from '../random.ts'
import type { HookName } from '../service/hooks.ts'
import { loadService } from '../service/load-service.ts'
import { openRawChannel } from '../transport/raw-channel.ts'
import { isRawHandle, loadRawBinding } from '../transport/raw-handle.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { openTracing } from '../trace/open-tracing.ts'
import { createShard } from './create-shard.ts'
import { type ArrivedHandle, Worker } from './worker.ts'

const IGNORED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

for (const signal of IGNORED_SIGNALS) process.on(signal, ignore)
process.on('disconnect', primaryGone)
process.on('uncaughtException', (error) =>
  worker === undefined ? startFailed(importFault(error)) : worker.health.faults.exception(error),
)
process.on('unhandledRejection', (reason) => {
  if (worker === undefined) startFailed(importFault(reason))
  else worker.health.faults.rejection(reason)
})

/** The worker once it has started. */
let worker: Worker | undefined
/** Undefined until it is known how to write. */
let workerLog: Logger | undefined
/** Signs of life until there are snapshots: loading a service may take long, but must let the loop turn. */
const stopPulse = systemClock.every(SNAPSHOT_INTERVAL_MS, () => tell({ type: 'pulse' }))
/** What came while the worker was starting; undefined while nothing did. */
let newerTls: TlsMaterial | undefined
/** Where sockets come without waiting for each other; undefined where this Node cannot. */
const rawChannel = openRawChannel(process)

rawChannel?.receive('{"type":"socket",', (line, handle) => worker?.receive(JSON.parse(line) as SocketTicket, handle))
process.on('message', (message: unknown, handle: unknown) => {
  if (!isMessage(message)) return
  receive(message as ToWorker, isRawHandle(handle) || handle instanceof Socket ? handle : undefined)
})

function receive(message: ToWorker, handle: ArrivedHandle | undefined): void {
  if (message.type === 'start') void start(message)
  else if (worker !== undefined) worker.receive(message, handle)
  else if (message.type === 'tls') newerTls = message.tls
  // Nobody was ever served here, and what a service waits for at its start may never come.
  else if (message.type === 'drain') process.exit(0)
}

async function start({ slot, epoch, config, configured, tls }: StartMessage): Promise<void> {
  const log = createLogger({
    clock: systemClock,
    level: config.logLevel,
    format: config.logFormat,
    base: { role: 'worker', slot },
  })
  workerLog = log
  try {
    const vitals = new VitalSigns()
    const service = await loadService(config.service, systemClock)
    const created = await createShard({
      identity: { slot, epoch },
      config,
      configured,
      tls: () => newerTls ?? tls,
      service,
      // Behind the service's module, which may have set up OpenTelemetry by itself.
      tracing: await openTracing({ env: process.env, clock: systemClock, log, worker: slot }),
      log,
      clock: systemClock,
      random: systemRandom,
      rawBinding: loadRawBinding(),
      onClosed: (connection) => worker?.closed(connection),
      startFault: (thrown) => hookFault(config.service, 'onStart', thrown),
      onTick: (lateMs) => vitals.late(lateMs),
    })
    worker = new Worker({ created, config, log, clock: systemClock, vitals, tell })
    stopPulse()
    const inline = rawChannel !== undefined && config.transport === 'auto'
    tell({ type: 'ready', inline, descriptorsFree: worker.descriptorsFree })
  } catch (error) {
    startFailed(error)
  }
}

/** With its place, as of what a module throws while it is loaded. */
function hookFault(path: string | null, hook: HookName, thrown: unknown): Error {
  const of = path === null ? '' : `SHARDWIRE_SERVICE=${path}: `
  return new Error(`${of}${hook} of the service failed: ${importFault(thrown)}`, { cause: thrown })
}

/** The primary decides whether this was a start that cannot succeed, or a slot to try again later. */
function startFailed(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  tell({ type: 'failed', message }, () => process.exit(1))
}

/** Nobody is left to obey, or to start another in its place when it dies. */
function primaryGone(): void {
  const fields = { event: 'primary-gone', class: 'system', connections: worker?.connectionsOpen }
  if (worker?.isDone !== true) workerLog?.error(fields, 'the primary has died or let go of this worker; it ends too')
  process.exit(1)
}

/** A primary that is gone gets no messages: 'disconnect' is on its way. */
function tell(message: ToPrimary, onSent: (error: Error | null) => void = ignore): void {
  if (process.connected) process.send?.(message, undefined, undefined, onSent)
  else onSent(new Error('the channel to the primary is closed'))
}

function ignore(): void {
  return undefined
}
