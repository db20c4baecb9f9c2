/**
 * Owns a request from when it is first sent until its answer, or until that has failed: nearly all need no more.
 * Must not know: connections, what is done about a failure.
 * Invariant: it is one object, and the promise of its caller; what it needs to be sent again is copied in the turn in
 * which it was made, and made into a body only then. A failure is dealt with in a later step, never within the turn of
 * who tells of it: a connection that ends tells many.
 */
import { COPY_BYTES_MAX, Copies } from './body-memory.ts'
import type { Ask, Place } from './place.ts'
import type { ClientRequestOptions } from './client-api.ts'
import type { Receiver } from './receiver.ts'
import type { Route } from './request-options.ts'

/** A request that can be sent. */
export interface Sendable<Body, Answer> {
  readonly ask: Ask<Body, Answer>
  readonly route: Route
  readonly body: Body
  readonly options: ClientRequestOptions
  /** When its caller stops waiting. */
  readonly deadlineMs: number
}

/** What a failure is told. */
export interface Failures {
  onFirstFailed<Body, Answer>(attempt: FirstAttempt<Body, Answer>, error: unknown): Promise<Answer>
}

/** Of all requests of a process: what is left of a chunk is of use to the next. */
const copies = new Copies()

export class FirstAttempt<Body, Answer> implements Receiver<Answer>, Sendable<Body, Answer> {
  readonly promise: Promise<Answer>
  readonly ask: Ask<Body, Answer>
  readonly route: Route
  readonly options: ClientRequestOptions
  /** Set once it is sent. */
  deadlineMs = 0
  readonly place: Place
  readonly #owner: Failures
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: unknown) => void
  #body: Body | undefined
  #copy: Uint8Array | undefined
  #copyAt = 0
  #copyBytes = 0

  constructor(owner: Failures, place: Place, ask: Ask<Body, Answer>, route: Route, options: ClientRequestOptions) {
    this.promise = new Promise<Answer>(capture)
    this.#resolve = capturedResolve
    this.#reject = capturedReject
    this.#owner = owner
    this.place = place
    this.ask = ask
    this.route = route
    this.options = options
  }

  /** What is sent again, if it is: the body itself. */
  keep(body: Body): void {
    this.#body = body
  }

  /** The same, of bytes that their owner may soon write into. */
  keepCopy(body: Body): void {
    if (!(body instanceof Uint8Array)) this.#body = body
    else if (body.length > COPY_BYTES_MAX) this.#body = new Uint8Array(body) as Body
    else {
      copies.put(body)
      this.#copy = copies.chunk
      this.#copyAt = copies.at
      this.#copyBytes = body.length
    }
  }

  get body(): Body {
    if (this.#copy === undefined) return this.#body as Body
    return this.#copy.slice(this.#copyAt, this.#copyAt + this.#copyBytes) as Body
  }

  resolve(answer: Answer): void {
    const { endpoint, entry, pass } = this.place
    endpoint.settle(entry, pass, 'success')
    this.#resolve(answer)
  }

  reject(error: unknown): void {
    queueMicrotask(() => {
      this.#owner.onFirstFailed(this, error).then(this.#resolve, this.#reject)
    })
  }
}

/** The two ends of the promise that was made last: without a closure for each. */
let capturedResolve: (answer: unknown) => void
let capturedReject: (error: unknown) => void

function capture(resolve: (answer: never) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve as (answer: unknown) => void
  capturedReject = reject
}
