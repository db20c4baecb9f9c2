/**
 * Owns a collector of traces: an OTLP/HTTP server that takes JSON and keeps the spans that came.
 * Must not know: who sends them.
 * Invariant: what is no export by OTLP's JSON fails the test that waits for it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { withinLimit } from './time-limit.ts'

/** A span as it came, with what stands around it. */
export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  /** As OTLP numbers them: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly string[]
  /** Of the process that made it. */
  readonly resource: Readonly<Record<string, unknown>>
  /** Nanoseconds. */
  readonly durationNs: number
}

interface OtlpAttribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface OtlpSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly kind: number
  readonly status: { readonly code?: number }
  readonly attributes: readonly OtlpAttribute[]
  readonly events: readonly { readonly name: string }[]
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
}

interface OtlpExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

export class TraceCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = []
  /** Of the requests that came. */
  readonly headers: IncomingMessage['headers'][] = []
  /** What the next requests are answered; 200 takes them. */
  status = 200
  readonly #server: Server
  readonly #waiting = new Set<() => void>()
  #fault: Error | undefined

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request: IncomingMessage, response) => {
      void this.#take(request).finally(() => response.writeHead(this.status).end('{}'))
    })
  }

  static async start(): Promise<TraceCollector> {
    const server = createServer()
    const collector = new TraceCollector(server)
    server.listen({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    return collector
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The first span that is `wanted`, of those that came or will come. */
  async span(wanted: (span: CollectedSpan) => boolean): Promise<CollectedSpan> {
    const found = Promise.withResolvers<CollectedSpan>()
    const look = (): void => {
      const span = this.spans.find(wanted)
      if (this.#fault !== undefined) found.reject(this.#fault)
      else if (span !== undefined) found.resolve(span)
    }
    this.#waiting.add(look)
    look()
    const names = (): string => this.spans.map(({ name }) => name).join(', ') || 'none'
    return await withinLimit(found.promise, () => `no such span; those that came: ${names()}`).finally(() => {
      this.#waiting.delete(look)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage): Promise<void> {
    try {
      const body = (await json(request)) as OtlpExport
      this.headers.push(request.headers)
      if (request.url !== '/v1/traces') throw new Error(`spans came to ${request.url}`)
      if (this.status === 200) this.spans.push(...spansOf(body))
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(String(error))
    }
    for (const look of this.#waiting) look()
  }
}

function spansOf({ resourceSpans }: OtlpExport): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const process = recordOf(resource.attributes)
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => collected(span, process)))
  })
}

function collected(span: OtlpSpan, resource: CollectedSpan['resource']): CollectedSpan {
  const { name, traceId, spanId, kind, parentSpanId } = span
  return {
    name,
    traceId,
    spanId,
    kind,
    parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
    status: span.status.code ?? 0,
    attributes: recordOf(span.attributes),
    events: span.events.map((event) => event.name),
    resource,
    durationNs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)),
  }
}

/** A value stands under the name of its type: `{ stringValue: 'x' }`. */
function recordOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
