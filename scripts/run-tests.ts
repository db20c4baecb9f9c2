/**
 * Owns a test run as CI sees it: vitest over the whole workspace, once more over the daemon's end-to-end tests on the
 * other way of driving sockets, and over some of them on the other way of accepting them, then one line
 * `N passed, N failed` over all, last and alone.
 * The counts come from our reporter by way of a file and are printed after vitest has gone, so that nothing can follow
 * them; a vitest that dies before it reports counts as one failure.
 * Arguments go to vitest, which then runs once: a part of a file name, `-t` and a part of a test name.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runToExit } from './bootstrap/child.mjs'
import { addCounts, COUNTS_FILE_VARIABLE, describeCounts, NO_TESTS, parseCounts } from './test-counts.ts'
import type { TestCounts } from './test-counts.ts'

const ROOT = join(import.meta.dirname, '..')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')

/** One run of vitest. */
interface Pass {
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/**
 * By hand: `TEST_DAEMON_TRANSPORT=socket npm test -- packages/server/test/e2e`. Tests that say nothing of workers have
 * one here, two in the first pass: half of what a test takes is the start of processes.
 */
const ON_DOCUMENTED_SOCKETS: Pass = {
  args: ['packages/server/test/e2e/'],
  environment: { TEST_DAEMON_TRANSPORT: 'socket', TEST_DAEMON_WORKERS: '1' },
}

/** Those in which it matters how connections come; the others would only take time. */
const ACCEPTED_BY_WORKERS: Pass = {
  args: ['placement', 'stopping', 'restart', 'slow-readers', 'demo-service', 'chaos', 'supervision'].map(
    (name) => `packages/server/test/e2e/${name}.test.ts`,
  ),
  environment: { TEST_DAEMON_ACCEPT: 'reuseport' },
}

function passesFor(args: readonly string[]): readonly Pass[] {
  const asAsked: Pass = { args, environment: {} }
  return args.length === 0 ? [asAsked, ON_DOCUMENTED_SOCKETS, ACCEPTED_BY_WORKERS] : [asAsked]
}

function readCounts(file: string): TestCounts {
  try {
    return parseCounts(readFileSync(file, 'utf8'))
  } catch (error) {
    process.stderr.write(`vitest ended before it reported its counts: ${String(error)}\n`)
    return { ...NO_TESTS, failed: 1 }
  }
}

interface PassResult {
  readonly counts: TestCounts
  readonly exitCode: number
}

async function runPass({ args, environment }: Pass, directory: string): Promise<PassResult> {
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  if (settings.length > 0) process.stdout.write(`\nonce more with ${settings.join(' ')}: ${args.join(' ')}\n`)
  const file = join(directory, 'counts.json')
  rmSync(file, { force: true })
  // What a process has compiled the next one need not: tests start some two thousand.
  const cache = { NODE_COMPILE_CACHE: join(directory, 'compiled') }
  const env = { ...cache, ...process.env, ...environment, [COUNTS_FILE_VARIABLE]: file }
  const exitCode = await runToExit(process.execPath, [VITEST, 'run', ...args], { cwd: ROOT, env })
  const counts = readCounts(file)
  const ran = counts.passed + counts.failed
  if (ran === 0) process.stderr.write('no test ran: expected at least one; see that the arguments match a test\n')
  return { counts, exitCode: exitCode === 0 && (ran === 0 || counts.failed > 0) ? 1 : exitCode }
}

async function main(args: readonly string[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'shardwire-test-'))
  try {
    let sum = NO_TESTS
    let firstFailure = 0
    for (const pass of passesFor(args)) {
      const { counts, exitCode } = await runPass(pass, directory)
      sum = addCounts(sum, counts)
      if (firstFailure === 0) firstFailure = exitCode
      // A signal that ended vitest was meant for the whole run.
      if (exitCode > 128) break
    }
    process.stdout.write(`${describeCounts(sum)}\n`)
    return firstFailure
  } finally {
    rmSync(directory, { recursive: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
