/** Owns the tests of the configuration as a whole: complete, plain, frozen, and all problems at once. */
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { loadConfig, type Config } from '../../src/config/load-config.ts'
import { OPTIONS } from '../../src/config/options.ts'
import { configOf, GIB, MACHINE, problemsOf } from './machines.ts'

/** Every frozen or unfrozen object inside of `value`, itself included. */
function objectsIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(objectsIn)]
}

describe('without any settings', () => {
  it('the configuration is the defaults', () => {
    expect(configOf({})).toMatchObject({
      envFile: null,
      listen: [{ address: 'tcp://127.0.0.1:7400' }],
      heapMb: 1024,
      semiSpaceMb: 0,
      watchdogMs: 10_000,
      admin: { host: '127.0.0.1', port: 7401 },
      adminToken: null,
      adminRead: 'auto',
      adminReadToken: null,
      workers: 4,
      service: null,
      backlog: 4096,
      keepaliveMs: 180_000,
      keepaliveIntervalMs: 75_000,
      keepaliveProbes: 9,
      nodelay: true,
      maxFrameBytes: 1_048_576,
      maxBufferBytes: GIB / 2,
      writeBufferBytes: 1_048_576,
      writeTimeoutMs: 10_000,
      slowConsumerMs: 10_000,
      maxInFlight: 1024,
      messageRate: 0,
      overloadDelayMs: 200,
      overloadBufferPercent: 90,
      handoffQueue: 16_384,
      handshakeTimeoutMs: 5000,
      maxHandshakes: 256,
      tlsCert: null,
      tlsKey: null,
      tlsCa: null,
      tlsClientAuth: 'none',
      tlsSpiffeAllow: null,
      heartbeatMs: 30_000,
      heartbeatMisses: 3,
      idleTimeoutMs: 0,
      frameTimeoutMs: 10_000,
      requestTimeoutMs: 30_000,
      maxHandlers: 65_536,
      offloadThreads: 1,
      offloadQueue: 1024,
      drainTimeoutMs: 10_000,
      logLevel: 'info',
      logFormat: 'auto',
      mirror: null,
      mirrorPercent: 100,
      placement: 'round-robin',
      maxConnectionsPerIp: 0,
      connectionRate: 0,
      maxConnectionAgeMs: 0,
      allow: null,
      deny: null,
      proxyProtocol: 'off',
      proxyTrusted: null,
      transport: 'auto',
      accept: 'handoff',
    })
  })

  it('every machine starts', () => {
    const machine = fc.record({
      cores: fc.integer({ min: 1, max: 4096 }),
      memoryBytes: fc.integer({ min: 2 ** 24, max: 2 ** 46 }),
      descriptorLimit: fc.integer({ min: 3, max: Number.MAX_SAFE_INTEGER }),
    })
    fc.assert(fc.property(machine, (someMachine) => problemsOf({}, someMachine).length === 0))
  })

  it('sources tell fixed defaults from computed ones', () => {
    const loaded = loadConfig({ SHARDWIRE_BACKLOG: '100' }, MACHINE)
    expect(loaded.ok && loaded.sources).toMatchObject({
      backlog: 'environment',
      heartbeatMs: 'default',
      workers: 'computed',
      maxBufferBytes: 'computed',
    })
  })
})

describe('the configuration', () => {
  it('has one property per row, and a source for each', () => {
    const loaded = loadConfig({}, MACHINE)
    if (!loaded.ok) throw new Error('the defaults do not load')
    expect(Object.keys(loaded.config)).toEqual(Object.keys(OPTIONS))
    expect(Object.keys(loaded.sources)).toEqual(Object.keys(OPTIONS))
  })

  it('is frozen to the bottom', () => {
    const objects = objectsIn(configOf({ SHARDWIRE_LISTEN: 'tcp://h:1?heartbeat-ms=5000' }))
    expect(objects).toHaveLength(4)
    expect(objects.every((object) => Object.isFrozen(object))).toBe(true)
  })

  it('survives JSON', () => {
    const config = configOf({ SHARDWIRE_SERVICE: './service.ts', SHARDWIRE_LISTEN: 'tcp://[::1]:0' })
    expect(JSON.parse(JSON.stringify(config))).toEqual(config)
    expect(JSON.parse(JSON.stringify(configOf({})))).toEqual(configOf({}))
  })

  it('has the types of its rows', () => {
    expectTypeOf<Config['heartbeatMs']>().toEqualTypeOf<number>()
    expectTypeOf<Config['nodelay']>().toEqualTypeOf<boolean>()
    expectTypeOf<Config['service']>().toEqualTypeOf<string | null>()
    expectTypeOf<Config['logFormat']>().toEqualTypeOf<'auto' | 'json' | 'pretty'>()
  })

  it('does not change the next one', () => {
    configOf({ SHARDWIRE_LISTEN: 'tcp://h:1', SHARDWIRE_HEARTBEAT_MS: '5000' })
    expect(configOf({}).listen[0]?.heartbeatMs).toBe(30_000)
  })
})

describe('problems', () => {
  it('come all at once: bad values in the order of the table, unknown names, pairs', () => {
    const problems = problemsOf({
      SHARDWIRE_LOG_LEVEL: 'loud',
      SHARDWIRE_IDLE_TIMEOUT_MS: '5000',
      SHARDWIRE_BACKLOG: '0',
      SHARDWIRE_BACKLOGS: '1',
      SHARDWIRE_LISTEN: 'fd://1',
    })
    expect(problems.map(({ name }) => name)).toEqual([
      'SHARDWIRE_LISTEN',
      'SHARDWIRE_BACKLOG',
      'SHARDWIRE_LOG_LEVEL',
      'SHARDWIRE_BACKLOGS',
      'SHARDWIRE_HEARTBEAT_MS',
    ])
  })

  it('are whole, on one line, and end the start, whatever somebody writes', () => {
    const names = fc.constantFrom(...Object.values(OPTIONS).map(({ name }) => name))
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), fc.stringMatching(/^tcp:\/\/[^,]{0,30}$/))
    fc.assert(
      fc.property(fc.dictionary(names, text), (env) => {
        for (const problem of problemsOf(env)) {
          for (const part of Object.values(problem)) expect(part).toMatch(/^[^\p{Cc}\p{Zl}]+$/u)
          expect(problem.message).toContain(problem.name)
        }
      }),
    )
  })

  it('carry no control characters in their advice either', () => {
    const [problem] = problemsOf({ SHARDWIRE_SERVICE: 'file:///\u001b[2J' })
    expect(problem?.message).toBe(
      String.raw`SHARDWIRE_SERVICE is "file:///\u001b[2J", which is not a path: write /\u001b[2J`,
    )
  })

  it('leave no configuration', () => {
    expect(loadConfig({ SHARDWIRE_BACKLOG: 'x' }, MACHINE)).not.toHaveProperty('config')
  })
})
