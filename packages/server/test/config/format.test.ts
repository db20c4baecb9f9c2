/** Owns the tests of how problems and the configuration in effect are printed. */
import { describe, expect, it } from 'vitest'
import { formatEffective, formatProblems, formatTable } from '../../src/config/format.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { fixed, type OptionTable } from '../../src/config/option.ts'
import { OPTIONS } from '../../src/config/options.ts'
import type { Environment } from '../../src/config/read-options.ts'
import { path } from '../../src/config/value-kinds.ts'
import { MACHINE, problemsOf } from './machines.ts'

/** Name, value and source of each line below the head. */
function effective(env: Environment): readonly (readonly string[])[] {
  const loaded = loadConfig(env, MACHINE)
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems))
  const lines = formatEffective(loaded.config, loaded.sources).split('\n')
  return lines.slice(1).map((line) => line.split(/ {2,}/))
}

describe('problems', () => {
  it('are counted, and each is a paragraph', () => {
    const text = formatProblems(problemsOf({ SHARDWIRE_WORKERS: '0', SHARDWIRE_NODELAY: 'yes' }))
    expect(text).toBe(
      [
        '2 problems with the configuration',
        '',
        'SHARDWIRE_WORKERS is "0", which is less than 1',
        '  expected: a whole number from 1 to 1024',
        '  example:  SHARDWIRE_WORKERS=4',
        '',
        'SHARDWIRE_NODELAY is "yes", which is neither true nor false: write true',
        '  expected: true or false',
        '  example:  SHARDWIRE_NODELAY=false',
      ].join('\n'),
    )
  })

  it('are in the singular when there is one', () => {
    expect(formatProblems(problemsOf({ SHARDWIRE_WORKERS: '0' }))).toMatch(/^1 problem with/)
  })
})

describe('the configuration in effect', () => {
  it('has every option, in the order of the table', () => {
    expect(effective({}).map(([name]) => name)).toEqual(Object.values(OPTIONS).map(({ name }) => name))
  })

  it('says value and where it came from', () => {
    const rows = effective({ SHARDWIRE_BACKLOG: '100', SHARDWIRE_SERVICE: './my service.ts' })
    expect(rows).toContainEqual(['SHARDWIRE_BACKLOG', '100', 'environment'])
    expect(rows).toContainEqual(['SHARDWIRE_SERVICE', './my service.ts', 'environment'])
    expect(rows).toContainEqual(['SHARDWIRE_NODELAY', 'true', 'default'])
    expect(rows).toContainEqual(['SHARDWIRE_WORKERS', '4', 'computed'])
  })

  it('hides no value of this version, for none of its options is a secret', () => {
    expect(effective({}).filter(([, value]) => value === '(not shown)')).toEqual([])
  })

  it('shows what is not set as a dash', () => {
    expect(effective({})).toContainEqual(['SHARDWIRE_SERVICE', '-', 'default'])
  })

  it('shows listeners with the limits in which they differ', () => {
    const listen =
      'tcp://[::1]:1?heartbeat-ms=5000&max-frame-bytes=2048,tcp://127.0.0.1:0?nodelay=false,' +
      'unix:/run/a.sock,unix:/run/b.sock?mode=0600&backlog=8'
    expect(effective({ SHARDWIRE_LISTEN: listen })).toContainEqual(['SHARDWIRE_LISTEN', listen, 'environment'])
  })

  it('is the same configuration when it is set again', () => {
    const settings = {
      SHARDWIRE_LISTEN: 'tcp://h:1?heartbeat-ms=5000,tls://[::]:2?keepalive-ms=0,unix:/run/a.sock?mode=0600',
      SHARDWIRE_LOG_LEVEL: 'debug',
      SHARDWIRE_TLS_CERT: './c.pem',
      SHARDWIRE_TLS_KEY: './k.pem',
      SHARDWIRE_TLS_CA: './ca.pem',
      SHARDWIRE_TLS_CLIENT_AUTH: 'require',
      SHARDWIRE_TLS_SPIFFE_ALLOW: 'spiffe://example.org/ns/*/sa/device,spiffe://example.org/gateway',
    }
    const shown = effective(settings).filter(([, value]) => value !== '-')
    const again = Object.fromEntries(shown.map(([name = '', value = '']) => [name, value]))
    const [first, second] = [loadConfig(settings, MACHINE), loadConfig(again, MACHINE)]
    expect(second.ok && second.config).toEqual(first.ok && first.config)
  })

  it('has its columns aligned', () => {
    const loaded = loadConfig({}, MACHINE)
    const lines = loaded.ok ? formatEffective(loaded.config, loaded.sources).split('\n') : []
    const from = lines[0]?.indexOf('from') ?? -1
    expect(from).toBeGreaterThan(0)
    for (const line of lines) expect(line.slice(from - 2)).toMatch(/^ {2}(from|default|computed)$/)
  })
})

describe('a secret', () => {
  const row = { kind: path('a token'), fallback: fixed(null, 'none'), meaning: 'Token.', example: 'abc' }
  const table: OptionTable = {
    token: { ...row, name: 'SHARDWIRE_TOKEN', secret: true },
    file: { ...row, name: 'SHARDWIRE_OTHER' },
  }

  it('is masked, and nothing else is', () => {
    const text = formatTable(table, { token: 's3cret', file: 'plain' }, { token: 'file', file: 'environment' })
    expect(text.split('\n').slice(1)).toEqual([
      'SHARDWIRE_TOKEN  (not shown)  file',
      'SHARDWIRE_OTHER  plain        environment',
    ])
  })

  it('that is not set shows that it is not', () => {
    const text = formatTable(table, { token: null, file: null }, { token: 'default', file: 'default' })
    expect(text).toContain('SHARDWIRE_TOKEN  -')
  })
})
