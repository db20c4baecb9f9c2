/** Owns the tests of traces over real processes: from a client through handler, thread and client to the collector. */
import { connect } from '@shardwire/client'
import { type CollectedSpan, type Daemon, startDaemon, TraceCollector } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const WITHOUT = new URL('../fixtures/without-opentelemetry.mjs', import.meta.url).href
const SERVICE = fileURLToPath(new URL('../fixtures/traced.ts', import.meta.url))
const [ECHO, TELLS, FAILS, REFUSES, NEVER, ASKS, COMPUTES, IS_TRACED] = [1, 2, 3, 4, 5, 6, 7, 8]
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const CALLER_ID = 'b7ad6b7169203331'
const TRACE = `00-${TRACE_ID}-${CALLER_ID}-01`
const [INTERNAL, SERVER, CLIENT, CONSUMER] = [1, 2, 3, 5]
const STATUS_ERROR = 2

const OWN = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' }

function tracedBy(collector: Pick<TraceCollector, 'endpoint'>): Record<string, string> {
  return {
    ...OWN,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=key-of-the-collector',
    OTEL_SERVICE_NAME: 'stock',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  }
}

const named =
  (name: string) =>
  (span: CollectedSpan): boolean =>
    span.name === name

interface Told {
  readonly trace?: { readonly traceId: string; readonly parentId: string; readonly isSampled: boolean }
  readonly onward?: string
}

async function ended(daemon: Daemon): Promise<void> {
  expect(await daemon.stop()).toBe(0)
}

describe('a daemon with a collector', () => {
  it('exports a span for each request: a child of the caller, with route, connection and client', async () => {
    await using collector = await TraceCollector.start()
    await using daemon = await startDaemon(tracedBy(collector))
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    const { trace, onward } = (await client.requestMsgpack(TELLS, null, { meta: { traceparent: TRACE } })) as Told
    const span = await collector.span(named('traced/tells'))
    expect(span).toMatchObject({ traceId: TRACE_ID, parentSpanId: CALLER_ID, kind: SERVER, status: 0 })
    // What the handler hands on is its own span.
    expect(trace).toMatchObject({ traceId: TRACE_ID, parentId: span.spanId, isSampled: true })
    expect(onward).toBe(`00-${TRACE_ID}-${span.spanId}-01`)
    expect(span.attributes).toMatchObject({
      'rpc.system.name': 'shardwire',
      'rpc.method': 'traced/tells',
      'shardwire.worker': 0,
      'client.address': '127.0.0.1',
    })
    expect(span.resource).toMatchObject({
      'service.name': 'stock',
      'deployment.environment.name': 'test',
      'process.pid': daemon.workers[0]?.pid,
    })
    expect(collector.headers[0]).toMatchObject({ 'api-key': 'key-of-the-collector' })

    await client.request(ECHO, new Uint8Array(8))
    const root = await collector.span(named('traced/echo'))
    expect(root.parentSpanId).toBe(undefined)
    expect(root.traceId).not.toBe(TRACE_ID)
    const line = await daemon.waitFor(({ event }) => event === 'echoed')
    expect(line).toMatchObject({ route: 'echo', trace_id: root.traceId, span_id: root.spanId })
    expect(line['connection']).toBe(root.attributes['shardwire.connection'])
    client.send(ECHO, new Uint8Array(8))
    expect(await collector.span(({ kind }) => kind === CONSUMER)).toMatchObject({ name: 'traced/echo' })
    await client.close()
    await ended(daemon)
  })

  it('says how a request failed, and whose fault that is; one whose handler never ends has an end', async () => {
    await using collector = await TraceCollector.start()
    await using daemon = await startDaemon(tracedBy(collector))
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    const outcomes = await Promise.allSettled(
      [FAILS, REFUSES, NEVER].map((route) => client.requestMsgpack(route, null)),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(await collector.span(named('traced/fails'))).toMatchObject({
      status: STATUS_ERROR,
      events: ['exception'],
      attributes: { 'error.type': 'RangeError' },
    })
    expect(await collector.span(named('traced/refuses'))).toMatchObject({
      status: 0,
      attributes: { 'error.type': 'PERMISSION_DENIED' },
    })
    expect(await collector.span(named('traced/never'))).toMatchObject({
      status: STATUS_ERROR,
      attributes: { 'error.type': 'DEADLINE_EXCEEDED' },
    })
    await client.close()
    await ended(daemon)
  })

  it('follows a request into a thread, and through a client to another daemon', async () => {
    await using collector = await TraceCollector.start()
    await using backDaemon = await startDaemon(tracedBy(collector))
    const front = { ...tracedBy(collector), TEST_BACK_PORT: String(backDaemon.port) }
    await using frontDaemon = await startDaemon(front)
    await using client = await connect({ host: '127.0.0.1', port: frontDaemon.port })
    const meta = { traceparent: TRACE }
    const told = (await client.requestValue(COMPUTES, 'in a thread', { meta })) as Record<string, unknown>
    const task = await collector.span(named('task told'))
    const around = await collector.span(named('traced/computes'))
    expect(task).toMatchObject({ traceId: TRACE_ID, parentSpanId: around.spanId, kind: INTERNAL })
    expect(told).toMatchObject({
      traceId: TRACE_ID,
      spanId: task.spanId,
      onward: `00-${TRACE_ID}-${task.spanId}-01`,
    })

    await client.requestMsgpack(ASKS, null, { meta })
    const chain = [named('traced/asks'), named('shardwire 2'), named('traced/tells')]
    const [asks, asked, tells] = await Promise.all(chain.map((wanted) => collector.span(wanted)))
    expect(asks).toMatchObject({ traceId: TRACE_ID, parentSpanId: CALLER_ID, kind: SERVER })
    expect(asked).toMatchObject({ traceId: TRACE_ID, parentSpanId: asks?.spanId, kind: CLIENT })
    expect(tells).toMatchObject({ traceId: TRACE_ID, parentSpanId: asked?.spanId, kind: SERVER })
    await client.close()
    await ended(frontDaemon)
    await ended(backDaemon)
  })

  it('obeys the sampler: what the caller decided holds, and of the rest as much as was said', async () => {
    await using collector = await TraceCollector.start()
    const sampler = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }
    await using daemon = await startDaemon({ ...tracedBy(collector), ...sampler })
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    const { onward } = (await client.requestMsgpack(TELLS, null)) as Told
    // Whoever is asked in turn is told that nobody records this trace.
    expect(onward).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    await client.requestMsgpack(TELLS, null, { meta: { traceparent: TRACE } })
    await client.close()
    await ended(daemon)
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual([TRACE_ID])
  })

  it('exports what is left when it stops', async () => {
    await using collector = await TraceCollector.start()
    await using daemon = await startDaemon({ ...tracedBy(collector), OTEL_BSP_SCHEDULE_DELAY: '3600000' })
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    await client.request(ECHO, new Uint8Array(8))
    await client.close()
    expect(collector.spans).toEqual([])
    await ended(daemon)
    expect(collector.spans.map(({ name }) => name)).toEqual(['traced/echo'])
  })

  it('serves, and stops in time, where the collector is gone; the log says so, seldom, without secrets', async () => {
    const collector = await TraceCollector.start()
    const { endpoint } = collector
    await collector[Symbol.asyncDispose]()
    const impatient = { OTEL_BSP_SCHEDULE_DELAY: '1', OTEL_EXPORTER_OTLP_TIMEOUT: '300' }
    await using daemon = await startDaemon({ ...tracedBy({ endpoint }), ...impatient })
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    for (let n = 0; n < 200; n++) expect((await client.request(ECHO, new Uint8Array([n]))).length).toBe(1)
    await daemon.waitFor(({ event }) => event === 'trace-trouble')
    await client.close()
    await ended(daemon)
    const troubles = daemon.records.filter(({ event }) => event === 'trace-trouble')
    expect(troubles.length).toBeLessThan(8)
    expect(JSON.stringify(daemon.records)).not.toContain('key-of-the-collector')
  })
})

it('a daemon without a collector loads nothing of it, and hands on what the caller said', async () => {
  await using daemon = await startDaemon(OWN)
  await using client = await connect({ host: '127.0.0.1', port: daemon.port })
  expect(await client.requestMsgpack(IS_TRACED, null)).toBe(false)
  const { trace, onward } = (await client.requestMsgpack(TELLS, null, { meta: { traceparent: TRACE } })) as Told
  expect([trace?.parentId, onward]).toEqual([CALLER_ID, TRACE])
  await client.close()
  await ended(daemon)
})

it('a collector without the packages that it takes ends the start, which says what to do', async () => {
  const endpoint = 'http://127.0.0.1:4318'
  const failure = startDaemon(tracedBy({ endpoint }), { execArgv: ['--import', WITHOUT] })
  await expect(failure).rejects.toThrow(/npm install --include=optional[\s\S]*@opentelemetry/)
})

it('variables that are wrong stop the start, all of them at once', async () => {
  const wrong = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'sometimes',
  }
  const failure = startDaemon({ ...OWN, ...wrong })
  await expect(failure).rejects.toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT[\s\S]*OTEL_EXPORTER_OTLP_PROTOCOL[\s\S]*SAMPLER/)
})
