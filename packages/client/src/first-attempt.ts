/**
 * Owns a request from when it is first sent until its answer, or until that has failed: nearly all need no more.
 * Must not know: connections, what is done about a failure.
 * Invariant: it is one object, and the promise of its caller; what it needs to be sent again is copied in the turn in
 * which it was made, and made into a body only then. A failure is dealt with in a later step, never within the turn of
 * who tells of it: a connection that ends tells many.
 */
import type { Endpoint } from './balance/endpoint.ts'
import { COPY_BYTES_MAX, Copies } from './body-memory.ts'
import type { ClientRequestOptions } from './client-api.ts'
import type { Connection } from './connection-api.ts'
import type { Ask, Place } from './place.ts'
import type { Entry } from './pool/item-set.ts'
import type { Receiver } from './receiver.ts'
import type { Route } from './request-options.ts'
import { Promised } from './settler.ts'

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

/** The body itself is kept, not a copy of its bytes. */
const WHOLE = -1

export class FirstAttempt<Body, Answer>
  extends Promised<Answer>
  implements Receiver<Answer>, Sendable<Body, Answer>, Place
{
  readonly ask: Ask<Body, Answer>
  readonly route: Route
  readonly options: ClientRequestOptions
  /** Set once it is sent; whole milliseconds, as a fraction would be an object of its own. */
  deadlineMs = 0
  readonly endpoint: Endpoint
  readonly entry: Entry<Connection>
  readonly pass: number
  readonly #owner: Failures
  /** The body, or a chunk that has a copy of it. */
  #kept: Body | Uint8Array | undefined
  #copyAt = 0
  #copyBytes = WHOLE

  /** @param endpoint its place, field by field: an object to hold them would be made for each */
  constructor(
    owner: Failures,
    endpoint: Endpoint,
    entry: Entry<Connection>,
    pass: number,
    ask: Ask<Body, Answer>,
    route: Route,
    options: ClientRequestOptions,
  ) {
    super()
    this.#owner = owner
    this.endpoint = endpoint
    this.entry = entry
    this.pass = pass
    this.ask = ask
    this.route = route
    this.options = options
  }

  /** What is sent again, if it is: the body itself. */
  keep(body: Body): void {
    this.#kept = body
  }

  /** The same, of bytes that their owner may soon write into. */
  keepCopy(body: Body): void {
    if (!(body instanceof Uint8Array)) this.#kept = body
    else if (body.length > COPY_BYTES_MAX) this.#kept = new Uint8Array(body)
    else {
      copies.put(body)
      this.#kept = copies.chunk
      this.#copyAt = copies.at
      this.#copyBytes = body.length
    }
  }

  get body(): Body {
    if (this.#copyBytes === WHOLE) return this.#kept as Body
    return (this.#kept as Uint8Array).slice(this.#copyAt, this.#copyAt + this.#copyBytes) as Body
  }

  resolve(answer: Answer): void {
    this.endpoint.settle(this.entry, this.pass, 'success')
    this.fulfil(answer)
  }

  reject(error: unknown): void {
    queueMicrotask(() => {
      this.#owner.onFirstFailed(this, error).then(this.fulfil, this.fail)
    })
  }
}
