/** Owns the tests of spans of requests: what goes along, when they end, and what they cost without an SDK. */
import * as api from '@opentelemetry/api'
import { ShardwireError } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { ClientError } from '../../src/client-error.ts'
import type { Wire } from '../../src/codec/wire.ts'
import type { RequestOptions, SendOptions } from '../../src/request-options.ts'
import { openTelemetryTrace } from '../../src/trace/open-telemetry-trace.ts'
import type { RequestTrace } from '../../src/trace/request-trace.ts'
import { TracedWire } from '../../src/trace/traced-wire.ts'

const CALLERS = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const OWN = '00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01'
const BODY = new Uint8Array([1])

type Ask = (options: RequestOptions) => Promise<Uint8Array>

/** A wire of which only what is traced is there. */
class FakeWire {
  readonly sent: SendOptions[] = []
  readonly #ask: Ask

  constructor(ask: Ask = () => Promise.resolve(BODY)) {
    this.#ask = ask
  }

  request(_: number, _body: unknown, options: RequestOptions): Promise<unknown> {
    this.sent.push(options)
    return this.#ask(options)
  }
  requestValue(route: number, value: unknown, options: RequestOptions): Promise<unknown> {
    return this.request(route, value, options)
  }
  send(_: number, _body: unknown, options: SendOptions): void {
    this.sent.push(options)
    void this.#ask(options)
  }
}

class FakeTrace implements RequestTrace {
  readonly calls: unknown[] = []
  readonly ends: unknown[] = []
  begin(call: unknown): { traceparent: string; end: (error?: unknown) => void } {
    this.calls.push(call)
    return { traceparent: OWN, end: (error) => this.ends.push(error) }
  }
}

function wireOf(fake: FakeWire, trace: RequestTrace): TracedWire {
  return new TracedWire(fake as unknown as Wire, trace, 'host:1')
}

describe('a traced request', () => {
  it('carries the span that was begun for it, beside what its caller said', async () => {
    const [fake, trace] = [new FakeWire(), new FakeTrace()]
    const meta = { traceparent: CALLERS, tenant: 'a' }
    await wireOf(fake, trace).request(7, BODY, { timeoutMs: 5, meta })
    expect(trace.calls).toEqual([{ route: 7, target: 'host:1', traceparent: CALLERS, wantsAnswer: true }])
    expect(fake.sent).toEqual([{ timeoutMs: 5, meta: { traceparent: OWN, tenant: 'a' } }])
    expect(trace.ends).toEqual([undefined])
  })

  it('is sent in the same turn, before its caller may use the body again', () => {
    const [fake, trace] = [new FakeWire(), new FakeTrace()]
    void wireOf(fake, trace).request(7, BODY, {})
    expect(fake.sent).toHaveLength(1)
    expect(trace.ends).toEqual([])
  })

  it('ends its span with what it fails with, at once or later', async () => {
    const refused = new ShardwireError('OVERLOADED', 'no')
    for (const ask of [() => Promise.reject(refused), thrower(refused)]) {
      const trace = new FakeTrace()
      await expect(wireOf(new FakeWire(ask), trace).requestValue(7, null, {})).rejects.toBe(refused)
      expect(trace.ends).toEqual([refused])
    }
  })

  it('that is a MESSAGE ends with being written, or with why it was not', () => {
    const [fake, trace] = [new FakeWire(), new FakeTrace()]
    wireOf(fake, trace).send(7, BODY, {})
    expect([fake.sent, trace.ends]).toEqual([[{ meta: { traceparent: OWN } }], [undefined]])
    const full = new ClientError('BACKLOG_FULL', 'full')
    expect(() => wireOf(new FakeWire(thrower(full)), trace).send(7, BODY, {})).toThrow(full)
    expect(trace.ends).toEqual([undefined, full])
  })
})

function thrower(error: Error): Ask {
  return () => {
    throw error
  }
}

describe('with OpenTelemetry', () => {
  it('that nobody has set up nothing is traced, and what the caller said goes along as it is', () => {
    const trace = openTelemetryTrace(api)
    const call = { route: 7, target: 'host:1', wantsAnswer: true }
    expect(trace.begin({ ...call, traceparent: CALLERS }).traceparent).toBe(CALLERS)
    expect(trace.begin({ ...call, traceparent: undefined }).traceparent).toBe(undefined)
    // No traceparent at all: none is made of it.
    expect(trace.begin({ ...call, traceparent: 'nonsense' }).traceparent).toBe('nonsense')
  })

  it('a span says what kind of request it is, below whom, and how it failed', () => {
    const seen: unknown[] = []
    const span = {
      spanContext: () => ({ traceId: CALLERS.slice(3, 35), spanId: '00000000000000aa', traceFlags: 1 }),
      isRecording: () => true,
      setAttribute: (name: string, value: unknown) => seen.push([name, value]),
      setStatus: (status: unknown) => seen.push(status),
      end: () => seen.push('end'),
    }
    const startSpan = (name: string, options: unknown, above: unknown): typeof span => {
      seen.push([name, options, above])
      return span
    }
    const trace = openTelemetryTrace({
      context: { active: () => 'active' },
      trace: {
        getTracer: () => ({ startSpan }),
        setSpanContext: (context: string, above) => `${context} ${above.spanId} ${above.traceFlags}`,
        isSpanContextValid: () => true,
      },
    })
    const attributes = { 'rpc.system.name': 'shardwire', 'rpc.method': '7', 'server.address': 'host:1' }
    const message = trace.begin({ route: 7, target: 'host:1', traceparent: undefined, wantsAnswer: false })
    expect([message.traceparent, seen.splice(0)]).toEqual([OWN, [['shardwire 7', { kind: 3, attributes }, 'active']]])
    const request = trace.begin({ route: 7, target: 'host:1', traceparent: CALLERS, wantsAnswer: true })
    request.end(new ClientError('REQUEST_TIMEOUT', 'late'))
    expect(seen).toEqual([
      ['shardwire 7', { kind: 2, attributes }, 'active b7ad6b7169203331 1'],
      ['error.type', 'REQUEST_TIMEOUT'],
      { code: 2, message: 'REQUEST_TIMEOUT' },
      'end',
    ])
  })
})
