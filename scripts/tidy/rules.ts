/**
 * Owns the house rules on a single file, each as data: where it holds, what it looks for, what to do instead.
 * Pure: a file's path and text in, violations out.
 */
import type { SourceFile } from './files.ts'

export interface Violation {
  readonly path: string
  /** From 1. */
  readonly line: number
  readonly rule: string
  readonly message: string
}

const CODE = /\.(ts|mjs|js)$/
const CODE_OR_SHELL = /\.(ts|mjs|js|sh)$|^\.ci\/run$/
const TEST = /(^|\/)test\/|\.test\.ts$/
const PACKAGE_SOURCE = /^packages\/[^/]+\/src\/.*\.ts$/
const OWNER_OF_TIME_OR_CHANCE = /(^|\/)(clock|random)\.ts$/

const FILE_LINES_MAX = 500
const TEST_FILE_LINES_MAX = 800
const LINE_COLUMNS_MAX = 120

/** A pattern that must not occur on any line of the files that the rule covers. */
interface BannedPattern {
  readonly rule: string
  readonly covers: (path: string) => boolean
  readonly pattern: RegExp
  readonly message: string
}

const BANNED: readonly BannedPattern[] = [
  {
    rule: 'no-skipped-test',
    covers: (path) => TEST.test(path),
    pattern: /\b(it|test|describe)(\.\w+)*\.(skip|only|todo|fails)\b|\bx(it|describe|test)\(/,
    message: 'every test runs: mend it or delete it; one that this machine cannot run uses skipIf with its condition',
  },
  {
    rule: 'no-fixed-port',
    covers: (path) => TEST.test(path),
    pattern: /\.(listen|connect|createConnection)\(\s*(\{[^}]*\bport:\s*)?[1-9]\d*/,
    message: 'two test runs at once would collide: bind port 0 and ask for the address',
  },
  {
    rule: 'no-sleep',
    covers: (path) => TEST.test(path),
    pattern:
      /(?<![.\w])(globalThis\.)?setTimeout[(),]|node:timers|\bAtomics\.wait\b|[sS]ystemClock(\(\))?\.(after|every)\b/,
    message: 'wait for an event, never for time: a fake clock, a latch, or the first line of output',
  },
  {
    rule: 'no-wall-clock',
    covers: (path) => PACKAGE_SOURCE.test(path) && !OWNER_OF_TIME_OR_CHANCE.test(path),
    pattern: /\bnew Date\(\s*\)|(?<!new )\bDate\(\s*\)/,
    message: 'take a Clock as a parameter; only clock.ts reads the real time',
  },
  {
    rule: 'no-registry-host',
    covers: () => true,
    pattern: /\bregistry\.(npmjs|yarnpkg|npmmirror)\b|\/\/(registry|npm|nexus|artifactory|verdaccio)[.-]/,
    message: "which registry packages come from is each machine's own setting: remove its name",
  },
  {
    rule: 'no-lockfile-url',
    covers: (path) => path === 'pnpm-lock.yaml',
    pattern: /\btarball:|\bregistry:/,
    message: 'the lockfile ties packages to hashes, not to hosts: install again with the default resolution',
  },
  {
    rule: 'no-registry-setting',
    covers: (path) => /(^|\/)\.npmrc$/.test(path),
    pattern: /registry\s*=|_auth/i,
    message: "which registry packages come from is each machine's own setting: keep it in the user's own .npmrc",
  },
  {
    rule: 'no-machine-path',
    covers: () => true,
    pattern: /(?<![\w.~})\]/-])\/(root|work|home\/\w+|Users\/\w+)\/\w/,
    message: 'a path of one machine means nothing on another: make it relative, or take it from the environment',
  },
]

/** All violations of one file, in the order of its lines. */
export function checkFile(file: SourceFile): Violation[] {
  const lines = file.text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const found = [...checkSize(file.path, lines), ...checkHeader(file.path, lines), ...checkLines(file.path, lines)]
  return found.filter(({ rule, line }) => !isExcused(rule, line, lines)).sort((a, b) => a.line - b.line)
}

function checkSize(path: string, lines: readonly string[]): Violation[] {
  if (!CODE_OR_SHELL.test(path)) return []
  const linesMax = TEST.test(path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX
  if (lines.length <= linesMax) return []
  const message = `${lines.length} lines, at most ${linesMax} expected: a second mechanism wants a file of its own`
  return [{ path, line: linesMax + 1, rule: 'file-length', message }]
}

/** Tests are spared: their names say what they are about. */
function checkHeader(path: string, lines: readonly string[]): Violation[] {
  if (!CODE.test(path) || TEST.test(path)) return []
  const first = lines[0]?.startsWith('#!') === true ? 1 : 0
  if (/^\/[*/]/.test(lines[first] ?? '')) return []
  const message = 'expected a comment first: what the file owns, what it must not know, its invariant'
  return [{ path, line: first + 1, rule: 'header', message }]
}

function checkLines(path: string, lines: readonly string[]): Violation[] {
  const banned = BANNED.filter(({ covers }) => covers(path))
  const measured = CODE_OR_SHELL.test(path)
  return lines.flatMap((text, index) => {
    const line = index + 1
    const found = banned
      .filter(({ pattern }) => pattern.test(text))
      .map(({ rule, message }) => ({ path, line, rule, message }))
    if (measured && text.length > LINE_COLUMNS_MAX) {
      const message = `${text.length} columns, at most ${LINE_COLUMNS_MAX} expected: break the line`
      found.push({ path, line, rule: 'line-length', message })
    }
    return found
  })
}

function isExcused(rule: string, line: number, lines: readonly string[]): boolean {
  const excuse = new RegExp(`\\btidy:allow ${rule} \\w`)
  return [lines[line - 1], lines[line - 2]].some((text) => text !== undefined && excuse.test(text))
}
