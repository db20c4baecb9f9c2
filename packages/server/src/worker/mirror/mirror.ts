/**
 * Owns mirroring in a worker: which frames are copied to the target, and when the target is dialled.
 * Must not know: what handlers do, how answers of the original are sent.
 * Invariant: nothing here is waited for, and nothing that goes wrong here reaches the connection whose frame it was: a
 * frame is copied into the queue, or dropped and counted. There is at most one connection that takes frames, and one
 * that only waits for answers after GOAWAY.
 */
import { type FrameDecoder, FRAME_OVERHEAD_BYTES, type Goaway, ID_MAX, KIND_REQUEST } from '@shardwire/protocol'
import type { MirrorAddress } from '../../config/mirror-address.ts'
import type { Connection } from '../connection.ts'
import { countAt } from '../counters.ts'
import type { DeadlineWheel } from '../deadline.ts'
import type { Comparisons } from './comparisons.ts'
import { type MirrorCounters, MirrorDrop } from './mirror-counters.ts'
import { MIRROR_CLIENT_NAME, MirrorLink, type MirrorLinkEvents } from './mirror-link.ts'
import type { MirrorReport } from './mirror-report.ts'
import { writeMirrored } from './mirrored-frame.ts'
import { Sampling } from './sampling.ts'

/** What waits to be sent, in a worker. */
export const MIRROR_QUEUE_BYTES = 4 * 1024 * 1024
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 5000
/** A connection that was ready for so long did not fail at its start. */
const LASTED_MS = 10_000

export interface MirrorParts {
  readonly address: MirrorAddress
  /** Above 0, to 100. */
  readonly percent: number
  /** Of the worker. */
  readonly slot: number
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  /** [0, 1) */
  readonly random: () => number
  /** Largest payload that the target may answer with. */
  readonly frameBytesMax: number
  readonly counters: MirrorCounters
  /** Undefined where answers are dropped. */
  readonly comparisons: Comparisons | undefined
  readonly report: MirrorReport
}

export class Mirror implements MirrorLinkEvents {
  readonly #parts: MirrorParts
  readonly #sampling: Sampling
  readonly #bySequence: boolean
  /** Those that send what was mirrored before; most workers never have one. */
  #origins: WeakSet<Connection> | undefined
  #frames = 0
  #id = 0
  /** The one that takes frames, or will. */
  #link: MirrorLink | undefined
  #leaving: MirrorLink | undefined
  /** No dial before that. */
  #dialAtMs = -Infinity
  #backoffMs = BACKOFF_MS_MIN
  #isBroken = false

  constructor(parts: MirrorParts) {
    this.#parts = parts
    this.#sampling = new Sampling(parts.percent, parts.slot)
    this.#bySequence = parts.address.sample === 'connections'
  }

  /** A client said who it is: what another server's mirror sends is not mirrored on, or two would do so for ever. */
  greeted(connection: Connection, name: string | undefined): void {
    if (name !== MIRROR_CLIENT_NAME) return
    this.#origins ??= new WeakSet()
    this.#origins.add(connection)
  }

  /** A MESSAGE or REQUEST is about to be served: its copy goes to the target, if it is chosen. Never throws. */
  frame(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    if (this.#isBroken || !this.#sampling.takes(this.#bySequence ? connection.sequence : ++this.#frames)) return
    if (this.#origins?.has(connection) === true) return
    try {
      this.#copy(connection, decoder, memory)
    } catch (error) {
      this.onFault(error)
    }
  }

  onReady(link: MirrorLink): void {
    this.#parts.counters.connects++
    this.#parts.report.connected(link.payloadBytesMax)
  }

  onAnswer({ id, kind, bodyStart, bodyEnd }: FrameDecoder, memory: Uint8Array): void {
    this.#parts.comparisons?.targetAnswered(id, kind, memory, bodyStart, bodyEnd)
  }

  onGoaway(link: MirrorLink, { reason, retry, retryAfterMs, jitterMs }: Goaway): void {
    const { random, nowMs, report } = this.#parts
    const askedMs = retry === 'now' ? 0 : retryAfterMs + random() * jitterMs
    const waitMs = retry === 'never' ? Infinity : Math.max(askedMs, this.#backoff(link))
    this.#dialAtMs = nowMs() + waitMs
    this.#leaving?.close('another is leaving')
    this.#leaving = link
    this.#link = undefined
    report.lost(`GOAWAY (${reason}, retry ${retry})`, waitMs)
  }

  onSent(frames: number): void {
    this.#parts.counters.sent += frames
    this.#parts.counters.waiting -= frames
  }

  onLost(frames: number): void {
    const { counters } = this.#parts
    counters.waiting -= frames
    counters.dropped[MirrorDrop.LOST] = (counters.dropped[MirrorDrop.LOST] ?? 0) + frames
  }

  onEnded(link: MirrorLink, why: string): void {
    const { comparisons, nowMs, report } = this.#parts
    comparisons?.linkEnded(link)
    if (link === this.#leaving) this.#leaving = undefined
    if (link !== this.#link) return
    this.#link = undefined
    const waitMs = this.#backoff(link)
    this.#dialAtMs = nowMs() + waitMs
    report.lost(why, waitMs)
  }

  /** From now on nothing is mirrored: what is wrong here would be wrong with the next frame, too. */
  onFault(error: unknown): void {
    this.#isBroken = true
    this.#parts.report.broke(error)
    this.#link?.close('a fault of this server')
  }

  #copy(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    const { counters, comparisons } = this.#parts
    counters.sampled++
    const link = this.#link
    if (link?.isReady !== true) {
      countAt(counters.dropped, MirrorDrop.NOT_CONNECTED)
      if (link === undefined) this.#dialIfDue()
      return
    }
    const bytes = decoder.frameEnd - decoder.frameStart
    if (bytes - FRAME_OVERHEAD_BYTES > link.payloadBytesMax || bytes > MIRROR_QUEUE_BYTES) {
      return this.#drop(MirrorDrop.TOO_LARGE)
    }
    const room = link.queue.reserve(bytes)
    if (room === undefined) return this.#drop(MirrorDrop.QUEUE_FULL)
    const isRequest = decoder.kind === KIND_REQUEST
    if (isRequest) this.#id = this.#id === ID_MAX ? 1 : this.#id + 1
    writeMirrored(decoder, memory, room.memory, room.end, this.#id)
    link.queue.commit(bytes, 1)
    counters.waiting++
    link.flushSoon()
    if (isRequest) comparisons?.begin(link, this.#id, connection, decoder.id, decoder.route)
  }

  #drop(reason: number): void {
    const { counters, report } = this.#parts
    countAt(counters.dropped, reason)
    report.dropped(counters)
  }

  #dialIfDue(): void {
    const { address, wheel, nowMs, frameBytesMax } = this.#parts
    if (nowMs() < this.#dialAtMs) return
    this.#link = new MirrorLink({
      target: address,
      wheel,
      nowMs,
      frameBytesMax,
      queueBytesMax: MIRROR_QUEUE_BYTES,
      events: this,
    })
  }

  /** How long to wait after this one: a random part of what doubles with each that did not last. */
  #backoff({ readyAtMs }: MirrorLink): number {
    const { random, nowMs } = this.#parts
    if (readyAtMs !== undefined && nowMs() - readyAtMs >= LASTED_MS) this.#backoffMs = BACKOFF_MS_MIN
    const waitMs = random() * this.#backoffMs
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2)
    return waitMs
  }
}
