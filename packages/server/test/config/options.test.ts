/** Owns the tests of the option table itself: what must hold of every row, and the defaults that are computed. */
import { describe, expect, it } from 'vitest'
import type { Option } from '../../src/config/option.ts'
import { frameBufferBytes } from '../../src/config/computed-defaults.ts'
import { OPTIONS } from '../../src/config/options.ts'
import { configOf, GIB, MACHINE } from './machines.ts'

const ROWS = Object.entries<Option<unknown>>(OPTIONS).map(([key, option]) => ({ key, ...option }))

describe.each(ROWS)('$name', ({ key, name, kind, fallback, meaning, example }) => {
  it('fills the property that it is named after', () => {
    const camelCase = (_: string, letter: string) => letter.toUpperCase()
    expect(key).toBe(
      name
        .slice('SHARDWIRE_'.length)
        .toLowerCase()
        .replace(/_([a-z])/g, camelCase),
    )
  })

  it('has an example that is accepted', () => {
    expect(kind.parse(example).ok).toBe(true)
  })

  it('has a default that could have been set', () => {
    const value = fallback.of(MACHINE, { workers: 4 })
    if (fallback.source === 'computed') expect(kind.parse(String(value))).toEqual({ ok: true, value })
    else if (value !== null) expect(kind.parse(fallback.text)).toEqual({ ok: true, value })
    else expect(fallback.text).toContain('none')
  })

  it('says in one sentence what it means', () => {
    expect(meaning).toMatch(/^[A-Z][^|]*[^.]\.$/)
  })

  it('refuses nonsense, and says what it expects', () => {
    expect(kind.parse('\0')).toMatchObject({ ok: false, faults: [{ expected: kind.expected }] })
  })
})

it('the table has the options of this version, and no others', () => {
  expect(ROWS.map(({ name }) => name.slice('SHARDWIRE_'.length)).toSorted()).toEqual([
    'ACCEPT',
    'ADMIN',
    'ADMIN_READ',
    'ADMIN_READ_TOKEN',
    'ADMIN_TOKEN',
    'ALLOW',
    'BACKLOG',
    'CONNECTION_RATE',
    'DEBUG_VIEWS',
    'DENY',
    'DRAIN_TIMEOUT_MS',
    'ENV_FILE',
    'FRAME_TIMEOUT_MS',
    'HANDOFF_QUEUE',
    'HANDSHAKE_TIMEOUT_MS',
    'HEAP_MB',
    'HEARTBEAT_MISSES',
    'HEARTBEAT_MS',
    'IDLE_TIMEOUT_MS',
    'KEEPALIVE_INTERVAL_MS',
    'KEEPALIVE_MS',
    'KEEPALIVE_PROBES',
    'LISTEN',
    'LOG_FORMAT',
    'LOG_LEVEL',
    'MAX_BUFFER_BYTES',
    'MAX_CONNECTIONS',
    'MAX_CONNECTIONS_PER_IP',
    'MAX_CONNECTION_AGE_MS',
    'MAX_FRAME_BYTES',
    'MAX_HANDLERS',
    'MAX_HANDSHAKES',
    'MAX_IN_FLIGHT',
    'MESSAGE_RATE',
    'MIRROR',
    'MIRROR_PERCENT',
    'NODELAY',
    'OFFLOAD_QUEUE',
    'OFFLOAD_THREADS',
    'OVERLOAD_BUFFER_PERCENT',
    'OVERLOAD_DELAY_MS',
    'PLACEMENT',
    'PROXY_PROTOCOL',
    'PROXY_TRUSTED',
    'REQUEST_TIMEOUT_MS',
    'SEMI_SPACE_MB',
    'SERVICE',
    'SLOW_CONSUMER_MS',
    'TLS_CA',
    'TLS_CERT',
    'TLS_CLIENT_AUTH',
    'TLS_KEY',
    'TLS_SPIFFE_ALLOW',
    'TRANSPORT',
    'WATCHDOG_MS',
    'WORKERS',
    'WRITE_BUFFER_BYTES',
    'WRITE_TIMEOUT_MS',
  ])
})

describe('computed defaults', () => {
  it('one worker per core, up to the most there may be', () => {
    expect(configOf({}, { ...MACHINE, cores: 3 }).workers).toBe(3)
    expect(configOf({}, { ...MACHINE, cores: 5000 }).workers).toBe(1024)
  })

  it('the buffers of all workers take a quarter of the memory', () => {
    expect(configOf({}).maxBufferBytes).toBe((8 * GIB) / 4 / 4)
    expect(configOf({ SHARDWIRE_WORKERS: '8' }).maxBufferBytes).toBe((8 * GIB) / 4 / 8)
  })

  it('the buffers of a worker hold a frame, on a small machine too', () => {
    const { maxBufferBytes, maxFrameBytes } = configOf({}, { ...MACHINE, cores: 64, memoryBytes: GIB / 8 })
    expect(maxBufferBytes).toBe(frameBufferBytes(maxFrameBytes))
  })
})

it.each([
  [1014, 1024],
  [1015, 2048],
  [1_048_576, 2_097_152],
])('a frame of %i bytes takes a block of %i', (payloadBytes, blockBytes) => {
  expect(frameBufferBytes(payloadBytes)).toBe(blockBytes)
})
