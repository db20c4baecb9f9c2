/**
 * Owns the spans of what a connection sends, around the wire that sends it.
 * Must not know: who makes spans, how anything is sent.
 * Invariant: a connection that is not traced never meets this: it has the wire itself. A span ends once.
 */
import type { Welcome } from '@shardwire/protocol'
import type { Wire, WireStats } from '../codec/wire.ts'
import type { PingRequest } from '../heartbeat.ts'
import type { RequestOptions, Route, SendOptions } from '../request-options.ts'
import type { RequestHandler } from '../serve/server-request.ts'
import type { RequestSpan, RequestTrace } from './request-trace.ts'

export class TracedWire implements Wire {
  readonly #wire: Wire
  readonly #trace: RequestTrace
  readonly #target: string

  constructor(wire: Wire, trace: RequestTrace, target: string) {
    this.#wire = wire
    this.#trace = trace
    this.#target = target
  }

  request(route: Route, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return this.#asked(route, options, (traced) => this.#wire.request(route, body, traced))
  }

  requestValue(route: Route, value: unknown, options: RequestOptions): Promise<unknown> {
    return this.#asked(route, options, (traced) => this.#wire.requestValue(route, value, traced))
  }

  send(route: Route, body: Uint8Array, options: SendOptions): void {
    this.#sent(route, options, (traced) => {
      this.#wire.send(route, body, traced)
    })
  }

  sendValue(route: Route, value: unknown, options: SendOptions): void {
    this.#sent(route, options, (traced) => {
      this.#wire.sendValue(route, value, traced)
    })
  }

  ping(request: PingRequest): void {
    this.#wire.ping(request)
  }
  handle(route: number, handler: RequestHandler | undefined): void {
    this.#wire.handle(route, handler)
  }
  start(welcome: Welcome | undefined): void {
    this.#wire.start(welcome)
  }
  feed(memory: Uint8Array, bytes: number): void {
    this.#wire.feed(memory, bytes)
  }
  stop(error: Error): void {
    this.#wire.stop(error)
  }
  get isIdle(): boolean {
    return this.#wire.isIdle
  }
  get isSuspect(): boolean {
    return this.#wire.isSuspect
  }
  get bytesCut(): number {
    return this.#wire.bytesCut
  }
  get stats(): WireStats {
    return this.#wire.stats
  }

  async #asked<Answer>(
    route: Route,
    options: RequestOptions,
    ask: (traced: RequestOptions) => Promise<Answer>,
  ): Promise<Answer> {
    const span = this.#begin(route, options, true)
    try {
      // Nothing is awaited before this: the body is copied before `request` returns.
      const answer = await ask(withTrace(options, span))
      span.end()
      return answer
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  #sent(route: Route, options: SendOptions, send: (traced: SendOptions) => void): void {
    const span = this.#begin(route, options, false)
    try {
      send(withTrace(options, span))
      span.end()
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  #begin(route: Route, { meta }: SendOptions, wantsAnswer: boolean): RequestSpan {
    return this.#trace.begin({ route, target: this.#target, traceparent: meta?.traceparent, wantsAnswer })
  }
}

function withTrace<Options extends SendOptions>(options: Options, { traceparent }: RequestSpan): Options {
  return traceparent === undefined ? options : { ...options, meta: { ...options.meta, traceparent } }
}
