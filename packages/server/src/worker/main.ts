/**
 * Owns the life of a shard worker process: its words with the primary, from `start` to `drained`.
 * Must not know: how a connection is served.
 * Invariant: it obeys the primary only: signals are ignored, and a channel that closes ends the process. `accepted` is
 * sent before a socket's first read, and never for a ticket that is stale.
 */
import { Socket } from 'node:net'
import { closeReasonName } from '../close-reason.ts'
import { systemClock } from '../clock.ts'
import { isMessage, type ToPrimary, type ToWorker } from '../ipc.ts'
import { createLogger, type Logger } from '../log.ts'
import { systemRandom } from '../random.ts'
import { isRawHandle, loadRawBinding, type RawHandle } from '../transport/raw-handle.ts'
import { loadService } from '../service/load-service.ts'
import { SERVER_NAME } from '../version.ts'
import type { Connection } from './connection.ts'
import { createFailureReport } from './failure-report.ts'
import { Shard } from './shard.ts'
import { TicketBook } from './ticket-book.ts'

const SNAPSHOT_INTERVAL_MS = 1000
const IGNORED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

for (const signal of IGNORED_SIGNALS) process.on(signal, ignore)
process.on('disconnect', () => process.exit(1))

/** The worker once it has started; messages before that are `start` only. */
let worker: Worker | undefined

process.on('message', (message: unknown, handle: unknown) => {
  if (!isMessage(message)) return
  receive(message as ToWorker, isRawHandle(handle) || handle instanceof Socket ? handle : undefined)
})

type ArrivedSocket = RawHandle | Socket

function receive(message: ToWorker, handle: ArrivedSocket | undefined): void {
  if (message.type === 'start') void start(message)
  else worker?.receive(message, handle)
}

async function start({ slot, epoch, config }: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, base: { role: 'worker', slot } })
  try {
    const service = await loadService(config.service, systemClock)
    const shard = new Shard({
      identity: { slot, epoch },
      config,
      service,
      clock: systemClock,
      random: systemRandom,
      serverName: SERVER_NAME,
      rawBinding: loadRawBinding(),
      report: createFailureReport(log, systemClock),
      onFault: (error) =>
        log.error({ event: 'internal-fault', err: error }, 'a fault of this server ended a connection'),
    })
    worker = new Worker(shard, log)
    tell({ type: 'ready' })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // The primary decides whether this was a start that cannot succeed, or a slot to try again later.
    tell({ type: 'failed', message }, () => process.exit(1))
  }
}

type SocketTicket = Extract<ToWorker, { type: 'socket' }>

class Worker {
  readonly #shard: Shard
  readonly #log: Logger
  /** Connections whose ticket the primary could still give away. */
  readonly #tickets = new TicketBook<Connection>()
  /** Sockets whose `accepted` is being sent, in that order. */
  readonly #unsent: { readonly connection: Connection; readonly ticket: SocketTicket }[] = []
  readonly #acceptedSent = (error: Error | null): void => this.#open(error)

  constructor(shard: Shard, log: Logger) {
    this.#shard = shard
    this.#log = log
    systemClock.every(SNAPSHOT_INTERVAL_MS, () => tell({ type: 'snapshot', counters: shard.counters }))
  }

  receive(message: ToWorker, handle: ArrivedSocket | undefined): void {
    switch (message.type) {
      case 'socket':
        this.#socket(message, handle)
        return
      case 'disown':
        this.#disown(message.sequence)
        return
      case 'drain':
        this.#drain(message.deadlineMs)
        return
      case 'start':
        return
    }
  }

  #socket(ticket: SocketTicket, handle: ArrivedSocket | undefined): void {
    const { sequence } = ticket
    if (handle === undefined || systemClock.nowMs() >= ticket.expiresAtMs) {
      if (handle instanceof Socket) handle.destroy()
      else handle?.close()
      tell({ type: 'refused', sequence })
      return
    }
    const connection = this.#shard.adopt(handle, ticket.listener)
    this.#tickets.add(sequence, connection)
    this.#unsent.push({ connection, ticket })
    tell({ type: 'accepted', sequence }, this.#acceptedSent)
  }

  /**
   * `accepted` has left this process, in the order it was told. Before that the socket must not be read: were this
   * process to die now, the primary would give it to another.
   */
  #open(error: Error | null): void {
    const adopted = this.#unsent.shift()
    if (adopted === undefined) return
    const { connection, ticket } = adopted
    if (error === null && systemClock.nowMs() < ticket.expiresAtMs) this.#shard.open(connection)
    else this.#giveUp(connection)
  }

  /** A socket that may be another worker's by now: our copy is closed without a FIN or a reset of ours. */
  #giveUp(connection: Connection): void {
    this.#log.warn({ event: 'disowned', connection: connection.id }, 'a socket came too late to be served here')
    this.#shard.disown(connection)
  }

  #disown(sequence: number): void {
    const connection = this.#tickets.find(sequence)
    if (connection !== undefined) this.#giveUp(connection)
  }

  #drain(deadlineMs: number): void {
    this.#shard.drain(deadlineMs, (forced) => {
      const { counters } = this.#shard
      this.#log.debug({ event: 'drained', forced, closes: namedCloses(counters.closes) }, 'worker drained')
      tell({ type: 'drained', counters, forced }, () => process.exit(0))
    })
  }
}

function namedCloses(closes: readonly number[]): Record<string, number> {
  const named = closes.map((count, code): [string, number] => [closeReasonName(code), count])
  return Object.fromEntries(named.filter(([, count]) => count > 0))
}

/** A primary that is gone gets no messages: 'disconnect' is on its way. */
function tell(message: ToPrimary, onSent: (error: Error | null) => void = ignore): void {
  if (process.connected) process.send?.(message, undefined, undefined, onSent)
  else onSent(new Error('the channel to the primary is closed'))
}

function ignore(): void {
  return undefined
}
