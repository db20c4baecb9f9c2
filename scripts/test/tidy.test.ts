/**
 * The tidy rules, each against a line that breaks it and one that only looks so. The lines are put together from
 * pieces, since this file is checked too.
 */
import { describe, expect, it } from 'vitest'
import { checkDependencies } from '../tidy/dependencies.ts'
import { checkFile } from '../tidy/rules.ts'

const HEADER = '/** Owns nothing. */'
const SOURCE = 'packages/server/src/example.ts'
const TEST = 'packages/server/test/example.test.ts'

/** Which rules a file of that one line breaks. */
function rulesBroken(path: string, ...lines: string[]): string[] {
  return checkFile({ path, text: [HEADER, ...lines, ''].join('\n') }).map(({ rule }) => rule)
}

describe('a line that breaks a rule', () => {
  it.each([
    [TEST, 'no-skipped-test', ['it', 'only("x", f)'].join('.')],
    [TEST, 'no-skipped-test', ['describe', 'skip("x", f)'].join('.')],
    [TEST, 'no-skipped-test', ['it', 'concurrent', 'todo("x")'].join('.')],
    [TEST, 'no-fixed-port', ['server', 'listen(7400)'].join('.')],
    [TEST, 'no-fixed-port', ['net', 'connect({ host, port: 7400 })'].join('.')],
    [TEST, 'no-sleep', `const sleep = promisify(${'setTimeout'})`],
    [TEST, 'no-sleep', `${'setTimeout'}(resolve, 100)`],
    [TEST, 'no-sleep', `await ${'globalThis'}.${'setTimeout'}(resolve, 100)`],
    [TEST, 'no-sleep', `await new Promise((resolve) => ${'systemClock'}.after(1, resolve))`],
    [TEST, 'no-sleep', `createSystemClock().${'every'}(10, look)`],
    [TEST, 'no-sleep', `import { x } from '${'node'}:timers/promises'`],
    [SOURCE, 'no-wall-clock', `const now = new ${'Date'}()`],
    [SOURCE, 'no-registry-host', ['https://registry', 'npmjs', 'org'].join('.')],
    ['README.md', 'no-registry-host', `see https:/${'/npm.'}example.com`],
    ['README.md', 'no-machine-path', ['', 'root', 'key.pem'].join('/')],
    ['docs/x.md', 'no-machine-path', `cd ${['', 'home', 'someone', 'shardwire'].join('/')}`],
    ['pnpm-lock.yaml', 'no-lockfile-url', `    tarball: x`],
    ['packages/server/.npmrc', 'no-registry-setting', 'registry = x'],
    [SOURCE, 'line-length', `// ${'x'.repeat(118)}`],
  ])('in %s is found: %s', (path, rule, line) => {
    expect(rulesBroken(path, line)).toContain(rule)
  })
})

describe('a line that only looks like it', () => {
  it.each([
    [TEST, "it.skipIf(!hasIpv6)('listens on ::1', f)"],
    [TEST, "server.listen(0, '127.0.0.1')"],
    [TEST, 'clock.setTimeout(task, 100)'],
    [TEST, 'clock.after(100, task)'],
    [TEST, 'const atMs = systemClock.nowMs()'],
    [TEST, 'await client.send(sleep(1, 100))'],
    [SOURCE, 'new Date(certificate.valid_to)'],
    ['packages/server/src/clock.ts', `wallMs: () => new ${'Date'}().getTime()`],
    [SOURCE, 'this.registry.register(route)'],
    [SOURCE, "import x from '../root/work/home.ts'"],
    [SOURCE, `// ${'x'.repeat(117)}`],
    ['README.md', 'x'.repeat(200)],
  ])('in %s passes: %s', (path, line) => {
    expect(rulesBroken(path, line)).toEqual([])
  })
})

it('names file, line, rule and what to do', () => {
  const line = `${'setTimeout'}(resolve, 100)`
  expect(checkFile({ path: TEST, text: `${HEADER}\n\n${line}\n` })).toEqual([
    { path: TEST, line: 3, rule: 'no-sleep', message: expect.stringContaining('wait for an event') },
  ])
})

describe('an excuse', () => {
  const line = `${'setTimeout'}(resolve, 100)`

  it('holds for the next line when it names the rule and a reason', () => {
    expect(rulesBroken(TEST, '// tidy:allow no-sleep nothing tells when the kernel has given up', line)).toEqual([])
  })

  it.each([['// tidy:allow no-sleep'], ['// tidy:allow no-fixed-port the kernel wants it']])(
    'does not hold without a reason, or for another rule: %s',
    (excuse) => {
      expect(rulesBroken(TEST, excuse, line)).toEqual(['no-sleep'])
    },
  )
})

describe('file length', () => {
  it.each([
    [SOURCE, 500],
    [TEST, 800],
  ])('%s has at most %i lines', (path, linesMax) => {
    const filler = Array.from({ length: linesMax - 1 }, () => '//')
    expect(rulesBroken(path, ...filler)).toEqual([])
    expect(rulesBroken(path, ...filler, '//')).toEqual(['file-length'])
  })
})

describe('the header', () => {
  it.each([['export {}\n'], [''], ['#!/usr/bin/env node\nexport {}\n']])('is missed in %j', (text) => {
    expect(checkFile({ path: SOURCE, text })).toMatchObject([{ rule: 'header' }])
  })

  it.each([['#!/usr/bin/env node\n/** Owns the start. */\n'], ['// Owns little.\n']])('is seen in %j', (text) => {
    expect(checkFile({ path: SOURCE, text })).toEqual([])
  })
})

describe('dependencies', () => {
  const page = (...names: string[]): { path: string; text: string } => ({
    path: 'docs/dependencies.md',
    text: names.map((name) => `| \`${name}\` | server | fast | MIT |\n`).join(''),
  })
  const manifest = (dependencies: Record<string, string>): { path: string; text: string } => ({
    path: 'packages/server/package.json',
    text: JSON.stringify({ dependencies }),
  })

  it('with a row each and an exact version pass; packages of the workspace need none', () => {
    expect(checkDependencies([page('pino'), manifest({ pino: '10.4.0', '@shardwire/x': 'workspace:*' })])).toEqual([])
  })

  it.each([
    ['dependency-undocumented', [page(), manifest({ pino: '10.4.0' })]],
    ['dependency-gone', [page('pino'), manifest({})]],
    ['dependency-version', [page('pino'), manifest({ pino: '^10.4.0' })]],
    ['dependency-page', [manifest({})]],
  ])('%s', (rule, files) => {
    expect(checkDependencies(files)).toMatchObject([{ rule }])
  })
})
