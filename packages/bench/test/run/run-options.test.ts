import { describe, expect, test } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { writtenName } from '../../src/options/flag.ts'
import { plainTraffic } from '../../src/options/mix-spec.ts'
import { describeFlags, describeProblems } from '../../src/options/read-flags.ts'
import { parseCommand } from '../../src/commands/command.ts'
import type { Parsed } from '../../src/commands/command.ts'
import { brokenRules, optionsOf as optionsOfValues, RUN_FLAGS } from '../../src/run/run-options.ts'
import type { RunOptions } from '../../src/run/run-options.ts'

const TARGET = ['--target', 'tcp://127.0.0.1:7400']

function parseRun(args: readonly string[]): Parsed<typeof RUN_FLAGS> {
  return parseCommand('run', RUN_FLAGS, args, { check: brokenRules })
}

function problemsOf(...args: string[]): string[] {
  const parsed = parseRun(args)
  return parsed.ok ? [] : parsed.problems.map(({ name, value }) => `${name}=${value}`)
}

function optionsOf(...args: string[]): RunOptions {
  const parsed = parseRun(args)
  if (!parsed.ok) throw new Error(describeProblems(parsed.problems))
  return optionsOfValues(parsed.values)
}

test('a run needs no flag: it goes to the daemon as it starts by default', () => {
  expect(optionsOf('--seed', '9')).toEqual({
    target: { host: '127.0.0.1', port: 7400 },
    codec: 'frame',
    mode: 'message',
    traffic: plainTraffic(1, [{ bytes: 64, weight: 1 }]),
    connections: 64,
    depth: 16,
    open: null,
    warmupMs: 1000,
    durationMs: 10_000,
    drainMs: 5000,
    processes: 1,
    beside: { idle: 0, churnPerSecond: 0, churnClose: 'fin', slow: 0, slowBytesPerSecond: 1024 },
    addresses: { sources: 'auto', targets: null, connectingMax: 128 },
    seed: 9,
    percentile: 99,
    objectives: [],
  })
})

test('every flag is taken, with a space or an equals sign', () => {
  const args = [
    '--target=tcp://[::1]:9',
    ...['--connections', '7', '--depth=1', '--payload-bytes', '0', '--duration-s', '0.5', '--warmup-s=0'],
    ...['--processes', '3', '--mode', 'request', '--route', '4095', '--percentile=99.9', '--json', '-'],
    ...['--quiet', '--rate', '1000', '--arrivals', 'poisson', '--pacing', 'timer', '--drain-s', '1', '--seed', '3'],
    ...['--slo', 'p99.9<10ms', '--slo=rate>900', '--idle', '500', '--churn', '2.5', '--churn-close', 'reset'],
    ...['--slow', '4', '--slow-bytes', '100', '--source-addresses', '127.1.0.1-127.1.0.2', '--connecting', '9'],
    ...['--target-addresses', '::1', '--html', 'a.html', '--out', 'b'],
  ]
  const parsed = parseRun(args)
  expect(parsed).toMatchObject({ ok: true, values: { json: '-', html: 'a.html', out: 'b', quiet: true } })
  expect(optionsOf(...args)).toEqual({
    target: { host: '::1', port: 9 },
    codec: 'frame',
    mode: 'request',
    traffic: plainTraffic(4095, [{ bytes: 0, weight: 1 }]),
    connections: 7,
    depth: 1,
    open: {
      stages: [{ fromPerSecond: 1000, toPerSecond: 1000, lengthMs: 500 }],
      arrivals: 'poisson',
      pacing: 'timer',
    },
    warmupMs: 0,
    durationMs: 500,
    drainMs: 1000,
    processes: 3,
    beside: { idle: 500, churnPerSecond: 2.5, churnClose: 'reset', slow: 4, slowBytesPerSecond: 100 },
    addresses: { sources: ['127.1.0.1', '127.1.0.2'], targets: ['::1'], connectingMax: 9 },
    seed: 3,
    percentile: 99.9,
    objectives: [
      { text: 'p99.9<10ms', metric: 'p99.9', isBelow: true, limit: 10_000 },
      { text: 'rate>900', metric: 'rate', isBelow: false, limit: 900 },
    ],
  })
})

test('the steps of a rate say how long a run is', () => {
  const { open, durationMs } = optionsOf('--rate', '100x2,100..500x3.5', '--duration-s', '99')
  expect(durationMs).toBe(5500)
  expect(open?.stages).toEqual([
    { fromPerSecond: 100, toPerSecond: 100, lengthMs: 2000 },
    { fromPerSecond: 100, toPerSecond: 500, lengthMs: 3500 },
  ])
})

test('a range of sizes has both ends, and a list its weights', () => {
  const sizesOf = (text: string): number[] =>
    optionsOf('--payload-bytes', text).traffic.shapes.map(({ payloadBytes }) => payloadBytes)
  const range = sizesOf('16-4096')
  expect([range.at(0), range.at(-1), range.length]).toEqual([16, 4096, 32])
  expect(sizesOf('1-3')).toEqual([1, 2, 3])
  expect(optionsOf('--payload-bytes', '64:8,1024').traffic).toMatchObject({
    shapes: [{ payloadBytes: 64 }, { payloadBytes: 1024 }],
    weights: [8 / 9, 1 / 9],
  })
})

test('a mix has a class for each route, and a known answer wherever there is one', () => {
  const { mode, traffic } = optionsOf('--mix', 'echo:8,digest:1,greet:1,77:2', '--payload-bytes', '10,20')
  expect(mode).toBe('request')
  expect(traffic.classes).toEqual(['echo', 'digest', 'greet', '77'])
  expect(traffic.weights).toEqual([4, 4, 1, 1, 1, 1])
  expect(traffic.shapes.map(({ route, answer }) => [route, answer.slice(0, 4)])).toEqual([
    [1, 'echo'],
    [1, 'echo'],
    [3, traffic.shapes[2]?.answer.slice(0, 4)],
    [2, 'any'],
    [77, 'echo'],
    [77, 'echo'],
  ])
  expect(traffic.shapes[2]?.answer).toMatch(/^[0-9a-f]{64}$/)
})

describe('a configuration file', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
  const file = path.join(folder, 'load.json')
  const write = (content: unknown): void => writeFileSync(file, JSON.stringify(content))

  test('says what flags say, and the command line outweighs it', () => {
    write({ about: 'for people', connections: 5, depth: '3', rate: '100', slo: ['p99<1ms', 'max<1s'], quiet: true })
    const parsed = parseRun(['--config', file, '--depth', '4'])
    expect(parsed).toMatchObject({ ok: true, values: { connections: 5, depth: 4, quiet: true } })
    expect(optionsOf('--config', file).objectives).toHaveLength(2)
  })

  test('with wrong values is refused, all at once, each with the file it stands in', () => {
    write({ connections: 'many', speed: 9, mode: 'greet' })
    expect(problemsOf('--config', file)).toEqual([
      `connections in ${file}=many`,
      `mode in ${file}=greet`,
      `speed in ${file}=9`,
    ])
  })

  test.each([
    ['nothing at all', undefined, /cannot be read/],
    ['no JSON', '{', /is no JSON/],
    ['no object', '[]', /is no object/],
    ['an object in it', '{"depth":{}}', /depth in .* is \{\}: expected a text, a number or a list/],
  ])('with %s is refused', (_name, text, message) => {
    rmSync(file, { force: true })
    if (text !== undefined) writeFileSync(file, text)
    expect(() => parseRun(['--config', file])).toThrow(message)
  })
})

describe('wrong flags', () => {
  test('are all told at once, each with value, expectation and example', () => {
    const parsed = parseRun(['--connections', 'many', '--depth', '0', '--mode', 'greet', '--speed', '9', 'now'])
    expect(parsed.ok).toBe(false)
    if (parsed.ok) return
    expect(describeProblems(parsed.problems).split('\n')).toEqual([
      '  --speed is unknown: expected a flag of run, for example those that --help shows',
      '  --connections is many: expected a whole number from 1 to 1000000, for example --connections 64',
      '  --depth is 0: expected a whole number from 1 to 65536, for example --depth 16',
      '  --mode is greet: expected message or request, for example --mode message',
      '  9 is here: expected flags only, for example --quiet',
      '  now is here: expected flags only, for example --quiet',
      '',
    ])
  })

  test.each([
    'http://127.0.0.1:80',
    'tcp://127.0.0.1',
    'tcp://:7400',
    'tcp://127.0.0.1:0',
    'tcp://127.0.0.1:70000',
    'tcp://127.0.0.1:7400/path',
    'tcp://user@127.0.0.1:7400',
    '127.0.0.1:7400',
    '',
  ])('a target %o', (target) => {
    expect(problemsOf('--target', target)).toEqual([`--target=${target}`])
  })

  test.each([
    ['connections', '-1'],
    ['connections', '1e3'],
    ['connections', '1000001'],
    ['connections', '64.5'],
    ['payload-bytes', '0x10'],
    ['payload-bytes', '16777217'],
    ['duration-s', '0'],
    ['duration-s', 'Infinity'],
    ['warmup-s', '3601'],
    ['payload-bytes', '10-10'],
    ['payload-bytes', '64:0'],
    ['rate', '0'],
    ['rate', '5..'],
    ['rate', '100,200'],
    ['rate', '100x2x3'],
    ['mix', 'echo:0'],
    ['mix', 'walk'],
    ['slo', 'p98<1ms'],
    ['slo', 'p99<1'],
    ['slo', 'rate>5ms'],
    ['codec', 'xml'],
    ['seed', '-1'],
    ['source-addresses', 'here'],
    ['source-addresses', '127.0.0.9-127.0.0.1'],
    ['target-addresses', 'auto'],
    ['target-addresses', ''],
    ['churn', '-1'],
    ['slow', '10001'],
    ['route', '0'],
    ['route', '4096'],
    ['processes', ''],
    ['percentile', '95'],
    ['percentile', 'p99'],
  ])('--%s=%s', (name, value) => {
    expect(problemsOf(...TARGET, `--${name}=${value}`)).toEqual([`--${name}=${value}`])
  })

  test('more processes than connections, and more in flight than memory is planned for', () => {
    expect(problemsOf(...TARGET, '--connections', '2', '--processes', '3')).toEqual(['--processes=3'])
    expect(problemsOf(...TARGET, '--connections', '1000000', '--depth', '17')).toEqual(['--depth=17'])
  })

  test('what does not go together', () => {
    expect(problemsOf(...TARGET, '--codec', 'line', '--mode', 'request')).toEqual(['--mode=request'])
    expect(problemsOf(...TARGET, '--codec', 'json', '--slow', '1')).toEqual(['--slow=1'])
    expect(problemsOf(...TARGET, '--codec', 'json', '--mix', 'echo')).toEqual(['--codec=json'])
    expect(problemsOf(...TARGET, '--codec', 'raw', '--payload-bytes', '0-4')).toEqual(['--payload-bytes=no byte'])
  })

  test('a flag without its value, and a switch with one', () => {
    expect(problemsOf(...TARGET, '--quiet=yes', '--json')).toEqual(['--quiet=yes', '--json=empty'])
  })
})

test('the help names every flag, and every example is valid', () => {
  const help = describeFlags(RUN_FLAGS)
  for (const [name, { value, example }] of Object.entries(RUN_FLAGS)) {
    const written = writtenName(name)
    expect(help).toContain(`--${written}`)
    // These two name files, which are read at once.
    if (written === 'config' || written === 'scenario') continue
    const args = value === '' ? [...TARGET, example] : [...TARGET, `--${written}`, example]
    expect(problemsOf(...args), written).toEqual([])
  }
})
