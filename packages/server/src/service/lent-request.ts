/**
 * Owns what a handler gets while debugging in place of the request itself: the same, but it notices misuse.
 * Must not know: connections, what is logged.
 * Invariant: a handler that makes no mistake sees no difference. The request behind it is touched only while the
 * handler runs, and after that only when the handler returned a promise: else it is another frame's by then.
 */
import type { Metadata } from '@shardwire/protocol'
import { Loan } from './loan.ts'
import type { ServiceLog } from '../log.ts'
import type { Task } from '../offload/task.ts'
import type { CallOptions } from './call-options.ts'
import type { Connection } from './connection.ts'
import { FORWARD, type Forward } from './forward.ts'
import type { ServedRequest } from './request.ts'
import { type Complain, makeStale } from './stale.ts'
import type { TraceContext } from './trace.ts'

/** What to complain of. */
export interface Complaints {
  readonly view: Complain
  readonly request: Complain
}

export class LentRequest implements ServedRequest {
  readonly route: string
  readonly metadata: Metadata | undefined
  readonly wantsAnswer: boolean
  readonly #request: ServedRequest
  readonly #isBytes: boolean
  readonly #loan: Loan
  readonly #complaints: Complaints
  /** Whether the handler returned a promise: from then on the request has a copy of the body. */
  #isOwn = false

  constructor(request: ServedRequest, isBytes: boolean, complaints: Complaints) {
    this.route = request.route
    this.metadata = request.metadata
    this.wantsAnswer = request.wantsAnswer
    this.#request = request
    this.#isBytes = isBytes
    this.#complaints = complaints
    this.#loan = new Loan(request.route, () => request.bytes, complaints.view)
  }

  get body(): unknown {
    return this.#isBytes ? this.bytes : this.#request.body
  }

  get bytes(): Uint8Array {
    return this.#isBytes && !this.#isOwn ? this.#loan.view() : this.#request.bytes
  }

  get connection(): Connection {
    return this.#request.connection
  }

  get trace(): TraceContext | undefined {
    return this.#request.trace
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  get deadlineMs(): number {
    return this.#request.deadlineMs
  }

  get log(): ServiceLog {
    return this.#request.log
  }

  get callOptions(): CallOptions {
    return this.#request.callOptions
  }

  async offload<TaskBody, Answer>(task: Task<TaskBody, Answer>, body: TaskBody): Promise<Awaited<Answer>> {
    return await this.#request.offload(task, body)
  }

  keep(): Uint8Array {
    if (!this.#isOwn) this.#loan.writeBack()
    return this.#request.keep()
  }

  forward(): Forward {
    return this.#request.forward()
  }

  get frameBytes(): number {
    return this.#request.frameBytes
  }

  get endedBy(): Error | undefined {
    return this.#request.endedBy
  }

  replaceBody(value: unknown): void {
    this.#request.replaceBody(value)
  }

  useTrace(traceparent: string): void {
    this.#request.useTrace(traceparent)
  }

  /** For the lender: what the handler did with the body that it must not do; undefined where it did nothing. */
  static fault(lent: LentRequest, result: unknown): string | undefined {
    const loan = lent.#loan
    if (loan.isGone)
      return 'the handler gave the memory of its body away, which without debugging is that of every connection'
    if (result === FORWARD && loan.isWritten)
      return 'the handler wrote into its body and forwarded it, whose checksum is the old one'
    return undefined
  }

  /** For the lender: the handler returned a promise. The request stays good, views from before do not. */
  static runsOn(lent: LentRequest): WeakRef<ArrayBuffer> | undefined {
    lent.#loan.writeBack()
    lent.#isOwn = true
    return lent.#loan.end()
  }

  /** For the lender: the handler is done, its answer encoded. Nothing of it is good any more. */
  static end(lent: LentRequest): WeakRef<ArrayBuffer> | undefined {
    const memory = lent.#loan.end()
    makeStale(lent, Object.keys(lent), lent.#complaints.request)
    return memory
  }
}
