import { describe, expect, test } from 'vitest'

import { describeFlags, RUN_FLAGS } from '../../src/run/run-flags.ts'
import { describeProblems, parseRun } from '../../src/run/run-options.ts'

const TARGET = ['--target', 'tcp://127.0.0.1:7400']

function problemsOf(...args: string[]): string[] {
  const parsed = parseRun(args)
  return parsed.ok ? [] : parsed.problems.map(({ name, value }) => `${name}=${value}`)
}

test('a run needs no flag: it goes to the daemon as it starts by default', () => {
  expect(parseRun([])).toEqual({
    ok: true,
    options: {
      target: { host: '127.0.0.1', port: 7400 },
      connections: 64,
      depth: 16,
      payloadBytes: 64,
      durationMs: 10_000,
      warmupMs: 1000,
      processes: 1,
      mode: 'message',
      route: 1,
      percentile: 99,
    },
    reporting: { jsonFile: undefined, quiet: false },
  })
})

test('every flag is taken, with a space or an equals sign', () => {
  const parsed = parseRun([
    '--target=tcp://[::1]:9',
    ...['--connections', '7', '--depth=1', '--payload-bytes', '0', '--duration-s', '0.5', '--warmup-s=0'],
    ...['--processes', '3', '--mode', 'request', '--route', '4095', '--percentile=99.9', '--json', '-'],
    '--quiet',
  ])
  expect(parsed).toEqual({
    ok: true,
    options: {
      target: { host: '::1', port: 9 },
      connections: 7,
      depth: 1,
      payloadBytes: 0,
      durationMs: 500,
      warmupMs: 0,
      processes: 3,
      mode: 'request',
      route: 4095,
      percentile: 99.9,
    },
    reporting: { jsonFile: '-', quiet: true },
  })
})

describe('wrong flags', () => {
  test('are all told at once, each with value, expectation and example', () => {
    const parsed = parseRun(['--connections', 'many', '--depth', '0', '--mode', 'greet', '--speed', '9', 'now'])
    expect(parsed.ok).toBe(false)
    if (parsed.ok) return
    expect(describeProblems(parsed.problems).split('\n')).toEqual([
      '  --speed is unknown: expected a flag of run, for example those that --help shows',
      '  9 is here: expected flags only, for example --depth 16',
      '  now is here: expected flags only, for example --depth 16',
      '  --connections is many: expected a whole number from 1 to 1000000, for example --connections 64',
      '  --depth is 0: expected a whole number from 1 to 65536, for example --depth 16',
      '  --mode is greet: expected message or request, for example --mode message',
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

  test('a flag without its value, and a switch with one', () => {
    expect(problemsOf(...TARGET, '--quiet=yes', '--json')).toEqual(['--quiet=yes', '--json=empty'])
  })
})

test('the help names every flag, and every example is valid', () => {
  const help = describeFlags()
  for (const { name, value, example } of RUN_FLAGS) {
    expect(help).toContain(`--${name}`)
    const parsed = parseRun(value === '' ? [...TARGET, example] : [...TARGET, `--${name}`, example])
    expect(parsed.ok, name).toBe(true)
  }
})
