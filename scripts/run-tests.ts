/**
 * Owns a test run as CI sees it: vitest over the whole workspace, once more over the daemon's end-to-end tests on the
 * other way of driving sockets, and over some of them on the other way of accepting them, then one line
 * `N passed, N failed` over all, last and alone.
 * The counts come from our reporter by way of a file and are printed after vitest has gone, so that nothing can follow
 * them; a vitest that dies before it reports counts as one failure.
 * A whole run on a machine that others share meets a stall of seconds now and then. So a file that failed is run once
 * more by itself at the end, where it is one of few: if it passes then, that counts, and the file is named as unsteady,
 * with what it failed with above. Each such name is a fault to be mended, of the test or of what it tests.
 * Arguments go to vitest, which then runs once: a part of a file name, `-t` and a part of a test name.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runToExit } from './bootstrap/child.mjs'
import { addCounts, COUNTS_FILE_VARIABLE, describeCounts, NO_TESTS, parseReport, takeCounts } from './test-counts.ts'
import type { TestCounts, TestReport } from './test-counts.ts'

const ROOT = join(import.meta.dirname, '..')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')

/** More files with failures than these, over all runs, are no accident of the machine. */
const UNSTEADY_FILES_MAX = 3

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

function readReport(file: string): TestReport {
  try {
    return parseReport(readFileSync(file, 'utf8'))
  } catch (error) {
    process.stderr.write(`vitest ended before it reported its counts: ${String(error)}\n`)
    return { ...NO_TESTS, failed: 1, failedFiles: {} }
  }
}

interface PassResult {
  readonly pass: Pass
  readonly report: TestReport
  readonly exitCode: number
}

async function runPass(pass: Pass, directory: string): Promise<PassResult> {
  const { args, environment } = pass
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  if (settings.length > 0) process.stdout.write(`\nonce more with ${settings.join(' ')}: ${args.join(' ')}\n`)
  const file = join(directory, 'counts.json')
  rmSync(file, { force: true })
  // What a process has compiled the next one need not: tests start some two thousand.
  const cache = { NODE_COMPILE_CACHE: join(directory, 'compiled') }
  const env = { ...cache, ...process.env, ...environment, [COUNTS_FILE_VARIABLE]: file }
  const exitCode = await runToExit(process.execPath, [VITEST, 'run', ...args], { cwd: ROOT, env })
  const report = readReport(file)
  const ran = report.passed + report.failed
  if (ran === 0) process.stderr.write('no test ran: expected at least one; see that the arguments match a test\n')
  return { pass, report, exitCode: exitCode === 0 && (ran === 0 || report.failed > 0) ? 1 : exitCode }
}

/** Those whose failures are all in files, and these few enough to be run again. */
function unsteadyAmong(results: readonly PassResult[]): readonly PassResult[] {
  const failed = results.filter(({ exitCode }) => exitCode !== 0)
  const files = failed.flatMap(({ report }) => Object.keys(report.failedFiles))
  const inFiles = failed.every(({ report, exitCode }) => exitCode === 1 && failuresInFiles(report) === report.failed)
  return inFiles && files.length <= UNSTEADY_FILES_MAX ? failed : []
}

function failuresInFiles({ failedFiles }: TestReport): number {
  return Object.values(failedFiles).reduce((sum, { failed }) => sum + failed, 0)
}

/** The same result with the files that failed run again, one after the other. */
async function runAgain({ pass, report }: PassResult, directory: string): Promise<PassResult> {
  const files = Object.keys(report.failedFiles)
  process.stdout.write(`\nagain, by themselves, since they failed: ${files.join(' ')}\n`)
  const again = await runPass({ ...pass, args: [...files, '--maxWorkers=1'] }, directory)
  for (const file of files) {
    if (file in again.report.failedFiles || again.exitCode > 1) continue
    process.stdout.write(`unsteady: ${file} failed beside others and passed by itself; its first failure is above\n`)
  }
  const steady = Object.values(report.failedFiles).reduce<TestCounts>(takeCounts, report)
  return { ...again, report: { ...again.report, ...addCounts(steady, again.report) } }
}

async function runAll(args: readonly string[], directory: string): Promise<PassResult[]> {
  const results: PassResult[] = []
  for (const pass of passesFor(args)) {
    const result = await runPass(pass, directory)
    results.push(result)
    // A signal that ended vitest was meant for the whole run.
    if (result.exitCode > 128) return results
  }
  // Whoever asks for some tests wants to see how they fail.
  if (args.length > 0) return results
  for (const unsteady of unsteadyAmong(results)) {
    results[results.indexOf(unsteady)] = await runAgain(unsteady, directory)
  }
  return results
}

async function main(args: readonly string[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'shardwire-test-'))
  try {
    const results = await runAll(args, directory)
    const sum = results.map(({ report }) => report).reduce<TestCounts>(addCounts, NO_TESTS)
    process.stdout.write(`${describeCounts(sum)}\n`)
    return results.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0
  } finally {
    rmSync(directory, { recursive: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
