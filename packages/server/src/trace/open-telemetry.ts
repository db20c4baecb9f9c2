/**
 * Owns OpenTelemetry: its packages, which are loaded here and nowhere else, and how they are set up.
 * Must not know: requests, what is traced.
 * Invariant: loaded only where somebody named a collector. What waits to be exported is bounded, and a collector that
 * is slow, broken or gone costs spans and lines of the log, never a request. Where the service has set up
 * OpenTelemetry by itself, its setup is used, and nothing here exports.
 */
import type { Context, DiagLogger, Span as OtelSpan, SpanContext } from '@opentelemetry/api'
import type { Sampler } from '@opentelemetry/sdk-trace'
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import { VERSION } from '../version.ts'
import { createLimit } from '../worker/report-limit.ts'
import type { TraceSettings } from './trace-settings.ts'
import { parseTrace } from '../service/trace.ts'
import type { Span, SpanKind, SpanStart, Tracer, Tracing } from './tracer.ts'

const NAME = 'shardwire'
const LOGGED_LENGTH_MAX = 400
const ADVICE =
  'OTEL_EXPORTER_OTLP_ENDPOINT is set, and the packages of OpenTelemetry are not installed. They are optional ' +
  'dependencies of @shardwire/server: install them with `npm install --include=optional`, or set OTEL_SDK_DISABLED=true'

export interface OpenTelemetryParts {
  readonly settings: TraceSettings
  readonly clock: Clock
  readonly log: Logger
  /** Slot of this worker. */
  readonly worker: number
}

/** Rejects with an Error that says what to do where the packages are not installed. */
export async function openTelemetry(parts: OpenTelemetryParts): Promise<Tracing> {
  const modules = await loadModules(parts.settings)
  const { api } = modules
  const stop = setUp(modules, parts)
  return { tracer: new OpenTelemetryTracer(api), stop: (limitMs) => within(parts.clock, limitMs, stop) }
}

type Modules = Awaited<ReturnType<typeof importModules>>

async function loadModules(settings: TraceSettings): Promise<Modules> {
  try {
    return await importModules(settings)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Error(`${ADVICE} (${error.message})`, { cause: error })
    }
    throw error
  }
}

async function importModules({ protocol }: TraceSettings) {
  const [api, sdk, resources, contexts, exporters] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
    protocol === 'http/json'
      ? import('@opentelemetry/exporter-trace-otlp-http')
      : import('@opentelemetry/exporter-trace-otlp-proto'),
  ])
  return { api, sdk, resources, contexts, exporters }
}

/** @returns what exports the rest, and ends it */
function setUp(modules: Modules, { settings, clock, log, worker }: OpenTelemetryParts): () => Promise<void> {
  const { api, sdk, resources, contexts, exporters } = modules
  const { delayMs, timeoutMs, queueMax, batchMax } = settings
  api.diag.setLogger(diagnostics(log, clock), api.DiagLogLevel.WARN)
  const own = resources.resourceFromAttributes({
    'service.name': NAME,
    'service.version': VERSION,
    'process.pid': process.pid,
    'shardwire.worker': worker,
  })
  const told = resources.detectResources({ detectors: [resources.envDetector] })
  const processor = new sdk.BatchSpanProcessor({
    exporter: new exporters.OTLPTraceExporter(),
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: timeoutMs,
    maxQueueSize: queueMax,
    maxExportBatchSize: Math.min(batchMax, queueMax),
  })
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(own).merge(told),
    sampler: samplerOf(modules, settings),
    spanProcessors: [processor],
  })
  if (api.trace.setGlobalTracerProvider(provider)) {
    api.context.setGlobalContextManager(new contexts.AsyncLocalStorageContextManager().enable())
    return () => provider.shutdown()
  }
  log.info({ event: 'trace-provider' }, 'the service has set up OpenTelemetry by itself: spans go where it says')
  return () => Promise.resolve()
}

function samplerOf({ sdk }: Modules, { sampler: { root, ratio, isParentBased } }: TraceSettings): Sampler {
  const ofRoot = {
    on: () => new sdk.AlwaysOnSampler(),
    off: () => new sdk.AlwaysOffSampler(),
    ratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  }[root]()
  return isParentBased ? new sdk.ParentBasedSampler({ root: ofRoot }) : ofRoot
}

/** What its packages have to say, without drowning the log: a collector that is down is told of at every export. */
function diagnostics(log: Logger, clock: Clock): DiagLogger {
  const isDue = createLimit<'warn' | 'error'>(clock, (_, suppressed) => {
    log.warn({ event: 'trace-trouble', class: 'transient', suppressed }, `${suppressed} more troubles with traces`)
  })
  const told = (level: 'warn' | 'error') => (text: string) => {
    if (!isDue(level)) return
    const detail = text.slice(0, LOGGED_LENGTH_MAX)
    log.warn({ event: 'trace-trouble', class: 'transient', detail }, 'spans could not be exported, or were dropped')
  }
  const silent = (): void => undefined
  return { error: told('error'), warn: told('warn'), info: silent, debug: silent, verbose: silent }
}

/** Settles with `work`, whatever becomes of it, or when time is up. */
async function within(clock: Clock, limitMs: number, work: () => Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(limitMs, resolve)
  await Promise.race([
    // What could not be exported has been told of by the exporter.
    work().catch(() => undefined),
    late,
  ])
  cancel()
}

type Api = Modules['api']

class OpenTelemetryTracer implements Tracer {
  readonly #api: Api
  readonly #tracer: ReturnType<Api['trace']['getTracer']>
  readonly #kinds: Readonly<Record<SpanKind, number>>

  constructor(api: Api) {
    this.#api = api
    this.#tracer = api.trace.getTracer(NAME, VERSION)
    const { SERVER: server, CONSUMER: consumer, INTERNAL: internal } = api.SpanKind
    this.#kinds = { server, consumer, internal }
  }

  begin({ name, kind, parent, attributes }: SpanStart): Span {
    const { trace, ROOT_CONTEXT } = this.#api
    const above = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent))
    const span = this.#tracer.startSpan(name, { kind: this.#kinds[kind] }, above)
    if (span.isRecording()) span.setAttributes(attributes())
    return new OpenTelemetrySpan(this.#api, span, trace.setSpan(above, span))
  }
}

class OpenTelemetrySpan implements Span {
  readonly traceparent: string
  readonly #api: Api
  readonly #span: OtelSpan
  readonly #context: Context

  constructor(api: Api, span: OtelSpan, context: Context) {
    const { traceId, spanId, traceFlags } = span.spanContext()
    this.traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
    this.#api = api
    this.#span = span
    this.#context = context
  }

  within<Result>(work: () => Result): Result {
    return this.#api.context.with(this.#context, work)
  }

  fail(type: string, isFault: boolean, error?: unknown): void {
    if (!this.#span.isRecording()) return
    this.#span.setAttribute('error.type', type)
    if (error instanceof Error) this.#span.recordException(error)
    if (isFault) this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: type })
  }

  end(): void {
    if (this.#span.isRecording()) this.#span.end()
  }
}

/** @param traceparent valid by its syntax */
function contextOf(traceparent: string): SpanContext {
  const { traceId, parentId, isSampled } = parseTrace(traceparent)
  return { traceId, spanId: parentId, traceFlags: isSampled ? 1 : 0, isRemote: true }
}
