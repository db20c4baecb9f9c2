/**
 * Owns the stream of what happens in the daemon: its status, who talks most and who is slow, once a second, to all who
 * look (server-sent events).
 * Must not know: what a status is made of.
 * Invariant: while nobody looks nothing is asked. It is put together once a second however many look, and at most
 * VIEWERS_MAX do; one that does not read is cut off.
 */
import type { ServerResponse } from 'node:http'
import type { CancelTimer } from '@shardwire/protocol'
import { streamHead } from './http-server.ts'
import { problem, type Reply, type StreamReply } from './reply.ts'

const VIEWERS_MAX = 16
/** Unread bytes at which a viewer is cut off. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024
/** When a viewer that was cut off comes again. */
const RETRY_MS = 1000

export interface EventsParts {
  /** Calls at each second of the daemon. */
  readonly listen: (onSecond: () => void) => CancelTimer
  /** What is told; it may take a moment. */
  readonly sample: () => Promise<unknown>
  /** A sample could not be taken: a fault of this server. */
  readonly onFault: (error: unknown) => void
}

export class Events {
  readonly #parts: EventsParts
  readonly #viewers = new Set<ServerResponse>()
  #cancel: CancelTimer | undefined
  #isSampling = false
  #last: string | undefined

  constructor(parts: EventsParts) {
    this.#parts = parts
  }

  /** One more looks. */
  open(): Reply | StreamReply {
    if (this.#viewers.size >= VIEWERS_MAX) return problem(503, `${VIEWERS_MAX} look already, which is the limit`)
    return { stream: (response) => this.#join(response) }
  }

  #join(response: ServerResponse): void {
    streamHead(response, 'text/event-stream; charset=utf-8')
    response.write(`retry: ${RETRY_MS}\n\n`)
    this.#viewers.add(response)
    response.once('close', () => this.#leave(response))
    this.#cancel ??= this.#parts.listen(() => this.#tick())
    // What the others were told last: a sample of its own would lie between two seconds.
    if (this.#last === undefined) this.#tick()
    else response.write(this.#last)
  }

  #leave(response: ServerResponse): void {
    this.#viewers.delete(response)
    if (this.#viewers.size > 0) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#last = undefined
  }

  #tick(): void {
    // A worker that answers late makes the next one come later, not two at once.
    if (this.#isSampling) return
    this.#isSampling = true
    this.#parts
      .sample()
      .then((sample) => this.#tell(`data: ${JSON.stringify(sample)}\n\n`), this.#parts.onFault)
      .finally(() => (this.#isSampling = false))
  }

  #tell(event: string): void {
    // Who asked for it may be gone by now.
    if (this.#viewers.size > 0) this.#last = event
    for (const viewer of this.#viewers) {
      if (viewer.writableLength > UNREAD_BYTES_MAX) viewer.destroy()
      else viewer.write(event)
    }
  }
}
