/**
 * Owns a server within the caller's process: what listens, and the one shard that serves.
 * Must not know: how options are written, processes.
 * Invariant: it is open from the moment `open` resolves until `close` does; after that nothing of it is left, no
 * socket, no timer and no thread. What the daemon's primary decides about clients is decided here by the same rules.
 */
import { randomBytes } from 'node:crypto'
import { connectionsMax } from '../admission/limits.ts'
import { systemClock } from '../clock.ts'
import type { Config } from '../config/load-config.ts'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import type { ToPrimary } from '../ipc.ts'
import { createLogger, type Logger } from '../log.ts'
import type { BoundPlace } from '../primary/entrance.ts'
import { HandoffEntrance } from '../primary/handoff-entrance.ts'
import { TlsKeeper } from '../primary/tls-keeper.ts'
import { systemRandom } from '../random.ts'
import type { Service } from '../service/service.ts'
import { type Accepted, socketOf } from '../transport/accepted.ts'
import { loadRawBinding } from '../transport/raw-handle.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { createShard, type CreatedShard } from '../worker/create-shard.ts'
import { type DrainReport, NOTHING_DRAINED } from '../worker/drain-report.ts'
import { createHeaderReport } from '../worker/header-report.ts'
import { Reception } from '../worker/reception.ts'
import { LocalClients } from './local-clients.ts'
import { ScopedClock } from './scoped-clock.ts'

const SECOND_MS = 1000
/** What hooks get at least to end, as in a worker of the daemon. */
const HOOKS_MS_MIN = 1000

export class EmbeddedServer {
  readonly #config: Config
  readonly #service: Service
  readonly #log: Logger
  readonly #clock = new ScopedClock(systemClock)
  readonly #descriptors = new Descriptors(systemDescriptors)
  readonly #clients: LocalClients
  readonly #entrance: HandoffEntrance
  readonly #isRaw: boolean
  #tls: TlsKeeper | undefined
  #created: CreatedShard | undefined
  #reception: Reception | undefined
  #closed: Promise<DrainReport> | undefined

  constructor(config: Config, service: Service) {
    this.#config = config
    this.#service = service
    const { logLevel: level, logFormat: format } = config
    this.#log = createLogger({ clock: this.#clock, level, format, base: { role: 'embedded' } })
    this.#clients = new LocalClients(config)
    this.#isRaw = config.transport === 'auto' && loadRawBinding() !== undefined
    this.#entrance = new HandoffEntrance({
      config,
      clock: this.#clock,
      raw: this.#isRaw,
      reads: true,
      onSocket: (accepted, listener) => this.#accepted(accepted, listener),
      onFault: (address, status) =>
        this.#log.error({ event: 'accept-failed', address, status }, `an accept on ${address} failed`),
    })
  }

  /** Where it listens, in the order of the configuration. */
  get bound(): readonly BoundPlace[] {
    return this.#entrance.bound
  }

  /** Starts the service, then listens. Rejects with what is wrong; then nothing is left of it. */
  async open(): Promise<void> {
    const clock = this.#clock
    const log = this.#log
    try {
      const onChange = (tls: TlsMaterial): void => this.#created?.shard.useTls(tls)
      this.#tls = TlsKeeper.open({ config: this.#config, clock, log, onChange })
      this.#created = await createShard({
        identity: { slot: 0, epoch: clock.wallMs().toString(36) + randomBytes(3).toString('hex') },
        config: this.#config,
        service: this.#service,
        log,
        clock,
        random: systemRandom,
        configured: false,
        tls: () => this.#tls?.material ?? null,
        rawBinding: this.#isRaw ? loadRawBinding() : undefined,
        onClosed: (connection) => this.#reception?.closed(connection),
      })
      this.#reception = this.#createReception(this.#created)
      await this.#entrance.open()
    } catch (error) {
      await this.#created?.hooks.stop(HOOKS_MS_MIN)
      await this.#end()
      throw error
    }
    clock.every(SECOND_MS, () => this.#descriptors.recount(this.#reception?.sockets ?? 0))
  }

  /** Lets nobody in any more, answers what is in flight, and ends. Asked again, it is the same end. */
  async close(): Promise<DrainReport> {
    return await (this.#closed ??= this.#close())
  }

  async #close(): Promise<DrainReport> {
    const { drainTimeoutMs: deadlineMs } = this.#config
    const endByMs = this.#clock.nowMs() + deadlineMs
    await this.#entrance.close()
    const report = await this.#drain(deadlineMs)
    await this.#created?.hooks.stop(Math.max(HOOKS_MS_MIN, endByMs - this.#clock.nowMs()))
    await this.#end()
    return report
  }

  #drain(deadlineMs: number): Promise<DrainReport> {
    const [created, reception] = [this.#created, this.#reception]
    if (created === undefined || reception === undefined) return Promise.resolve(NOTHING_DRAINED)
    reception.close()
    const guests = { count: () => reception.guests, dismiss: () => reception.close() }
    const { promise, resolve } = Promise.withResolvers<DrainReport>()
    created.shard.drain({ deadlineMs, rolling: false }, resolve, guests)
    return promise
  }

  async #end(): Promise<void> {
    this.#tls?.close()
    await this.#created?.offload.close()
    this.#clock.end()
  }

  #createReception({ shard }: CreatedShard): Reception {
    const reception: Reception = new Reception({
      config: this.#config,
      shard,
      clock: this.#clock,
      random: systemRandom,
      rawBinding: this.#isRaw ? loadRawBinding() : undefined,
      descriptorLimit: systemDescriptors.limit(),
      hasRoom: () => this.#descriptors.free(reception.sockets) > DESCRIPTORS_SPARE,
      untold: () => 0,
      tell: (message) => this.#told(reception, message),
      later: setImmediate,
      onBadHeader: createHeaderReport(this.#log, this.#clock),
    })
    const most = connectionsMax(this.#config, systemDescriptors.limit())
    if (most !== Infinity) reception.useQuota(most, 0)
    return reception
  }

  /** What a worker says to its primary, as far as it concerns clients. */
  #told(reception: Reception, message: ToPrimary): void {
    if (message.type === 'gone') this.#clients.gone(message.ids)
    // Answered later, as a primary would.
    else if (message.type === 'ask') setImmediate(() => reception.answered(this.#clients.answer(message.asks)))
    else if (message.type === 'want') setImmediate(() => reception.full())
  }

  #accepted(accepted: Accepted, listener: number): void {
    const socket = socketOf(accepted)
    if (socket === undefined || this.#reception === undefined) accepted.close()
    else this.#reception.accepted(socket, listener)
  }
}
