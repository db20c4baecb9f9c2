/** Owns the tests of how OpenTelemetry's variables are read: when something is traced at all, and what is refused. */
import { describe, expect, it } from 'vitest'
import { readTraceSettings } from '../../src/trace/trace-settings.ts'

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }

describe('nothing is traced', () => {
  it.each([
    {},
    { OTEL_SERVICE_NAME: 'stock', OTEL_TRACES_SAMPLER: 'always_on' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' },
    { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' },
    { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none', OTEL_TRACES_SAMPLER: 'sometimes' },
    // Somebody else's of this environment: nobody named a collector to us.
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
  ])('by %o', (env: Record<string, string>) => {
    expect(readTraceSettings(env)).toEqual({ settings: undefined, problems: [] })
  })
})

describe('requests are traced', () => {
  it.each([
    ENDPOINT,
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example/x' },
    { OTEL_TRACES_EXPORTER: 'otlp' },
  ])('by %o', (env: Record<string, string>) => {
    const { settings, problems } = readTraceSettings(env)
    expect(problems).toEqual([])
    expect(settings).toMatchObject({ protocol: 'http/protobuf', queueMax: 2048, batchMax: 512, delayMs: 5000 })
    expect(settings?.sampler).toEqual({ root: 'on', ratio: 1, isParentBased: true })
  })

  it.each([
    ['always_on', { root: 'on', isParentBased: false }],
    ['always_off', { root: 'off', isParentBased: false }],
    ['traceidratio', { root: 'ratio', ratio: 0.25, isParentBased: false }],
    ['parentbased_always_off', { root: 'off', isParentBased: true }],
    ['parentbased_traceidratio', { root: 'ratio', ratio: 0.25, isParentBased: true }],
  ])('with the sampler %s', (name, sampler) => {
    const env = { ...ENDPOINT, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: '0.25' }
    expect(readTraceSettings(env).settings?.sampler).toMatchObject(sampler)
  })

  it('by the protocol of traces, where it is another than that of all', () => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }
    expect(readTraceSettings({ ...ENDPOINT, ...env }).settings?.protocol).toBe('http/json')
  })
})

it.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'http://host:port'],
  ['OTEL_TRACES_EXPORTER', 'zipkin', 'one of otlp, none'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', 'http/protobuf, http/json'],
  ['OTEL_TRACES_SAMPLER', 'sometimes', 'parentbased_traceidratio'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '0', 'a whole number from 1'],
  ['OTEL_BSP_SCHEDULE_DELAY', '5s', 'a whole number from 1'],
])('%s=%s is refused, with what was expected', (name, value, expected) => {
  const { problems } = readTraceSettings({ ...ENDPOINT, [name]: value })
  expect(problems.map((problem) => problem.name)).toEqual([name])
  expect(problems[0]?.message).toContain(expected)
})

it('a part that is none is refused where the sampler goes by it, and only there', () => {
  const env = { ...ENDPOINT, OTEL_TRACES_SAMPLER_ARG: '150' }
  expect(readTraceSettings(env).problems).toEqual([])
  const ratio = { ...env, OTEL_TRACES_SAMPLER: 'traceidratio' }
  expect(readTraceSettings(ratio).problems.map(({ name }) => name)).toEqual(['OTEL_TRACES_SAMPLER_ARG'])
})

it('an endpoint, which may have a password in it, is never repeated', () => {
  const { problems } = readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://user:geheim@host' })
  expect(JSON.stringify(problems)).not.toContain('geheim')
  expect(problems).toHaveLength(1)
})
