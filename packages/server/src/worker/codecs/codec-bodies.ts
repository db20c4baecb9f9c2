/**
 * Owns the body of a message that is no frame: where its bytes stand, or its value, or why it has none.
 * Must not know: connections, admission.
 * Invariant: one object, of the message that is dispatched. What is wrong with a body is told when its handler would
 * run, behind all that may refuse the message, as it is for frames.
 */
import { BAD_BODY, decodeBody, ROUTE_MAX, ShardwireError } from '@shardwire/protocol'
import type { Reading } from '../../codec/reading.ts'
import type { SpokenCodec } from '../../codec/spoken-codec.ts'
import type { RunnableRoute } from '../../service/compile.ts'
import { FORWARD } from '../../service/forward.ts'
import type { ServedRequest } from '../../service/request.ts'

/** In the place of FORWARD, by which dispatch means the frame that came. */
export const FORWARD_BODY = Symbol('shardwire.forward-body')

const NO_BYTES: Uint8Array = new Uint8Array(0)
/** Of a name that is told to whoever made it up. */
const NAME_LENGTH_MAX = 100
const NO_ROUTE_NAMED = `the message names no route: expected a name, or a number from 1 to ${ROUTE_MAX}`

export class CodecBodies {
  /** The bytes of the body, memory[start, end). */
  memory = NO_BYTES
  start = 0
  end = 0
  #value: unknown = undefined
  #fault: ShardwireError | undefined = undefined
  /** What the message asked for. */
  #asked: string | number | undefined = undefined

  /** A message for `route` was found; undefined where there is no such route. */
  prepare(reading: Reading, spoken: SpokenCodec, route: RunnableRoute | undefined): void {
    this.memory = reading.memory
    this.start = reading.bodyStart
    this.end = reading.bodyEnd
    this.#value = this.#fault = undefined
    this.#asked = reading.route ?? spoken.route
    if (route === undefined) return
    if (spoken.carriesValues || route.body === 'msgpack') this.#prepareValue(reading, spoken, route)
  }

  /** The message has been dispatched. */
  forget(): void {
    this.memory = NO_BYTES
    this.#value = this.#fault = this.#asked = undefined
  }

  /**
   * The routes of a service as these messages reach them: their handlers, with the body in its place.
   * @param routes by number
   */
  routesOf(routes: readonly (RunnableRoute | undefined)[]): readonly (RunnableRoute | undefined)[] {
    return routes.map((route) => (route === undefined ? undefined : this.#reached(route)))
  }

  /** What is told of a message whose route there is not. */
  missingRoute(): string {
    const asked = this.#asked
    if (typeof asked === 'string') return `there is no route ${JSON.stringify(asked.slice(0, NAME_LENGTH_MAX))}`
    return asked === undefined || asked === 0 ? NO_ROUTE_NAMED : `there is no route ${asked}`
  }

  #reached(route: RunnableRoute): RunnableRoute {
    return {
      ...route,
      // A value is what the codec says: nothing here is msgpack that dispatch should decode.
      body: route.body === 'bytes' ? 'bytes' : 'none',
      run: (request) => {
        this.#read(request, route)
        const result = route.run(request)
        return result === FORWARD ? FORWARD_BODY : result
      },
    }
  }

  #read(request: ServedRequest, { body }: RunnableRoute): void {
    if (this.#fault !== undefined) throw this.#fault
    if (body === 'msgpack') request.replaceBody(this.#value)
  }

  #prepareValue({ found }: Reading, { carriesValues, codec }: SpokenCodec, { name, body }: RunnableRoute): void {
    try {
      if (!carriesValues) this.#value = decodeBody(this.memory, this.start, this.end)
      else this.#value = codec.bodyFor === undefined ? found : codec.bodyFor(found, name)
      if (carriesValues && body === 'bytes') this.#place(bytesOf(this.#value))
    } catch (error) {
      if (!(error instanceof ShardwireError)) throw error
      this.#fault = error
      this.#place(NO_BYTES)
    }
  }

  #place(bytes: Uint8Array): void {
    this.memory = bytes
    this.start = 0
    this.end = bytes.length
  }
}

/** In memory of its own: an answer that is a view of it is no view of what is read next. */
function bytesOf(value: unknown): Uint8Array {
  if (value === undefined || value === null) return NO_BYTES
  if (typeof value !== 'string') throw new ShardwireError(BAD_BODY, `the body must be a text, got ${typeof value}`)
  if (!value.isWellFormed()) throw new ShardwireError(BAD_BODY, 'the body has half a surrogate pair, which is no UTF-8')
  return new TextEncoder().encode(value)
}
