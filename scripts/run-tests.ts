/**
 * Owns a test run as CI sees it: vitest over the whole workspace, then one line `N passed, N failed`, last and alone.
 * The counts come from our reporter by way of a file and are printed after vitest has gone, so that nothing can follow
 * them; a vitest that dies before it reports counts as one failure.
 * Arguments go to vitest: a part of a file name, `-t` and a part of a test name.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runToExit } from './bootstrap/child.mjs'
import { COUNTS_FILE_VARIABLE, describeCounts, parseCounts } from './test-counts.ts'
import type { TestCounts } from './test-counts.ts'

const ROOT = join(import.meta.dirname, '..')

function readCounts(file: string): TestCounts {
  try {
    return parseCounts(readFileSync(file, 'utf8'))
  } catch (error) {
    process.stderr.write(`vitest ended before it reported its counts: ${String(error)}\n`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

async function main(args: string[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'shardwire-test-'))
  const file = join(directory, 'counts.json')
  process.env[COUNTS_FILE_VARIABLE] = file
  try {
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
    const code = await runToExit(process.execPath, [vitest, 'run', ...args], { cwd: ROOT })
    const counts = readCounts(file)
    const ran = counts.passed + counts.failed
    if (ran === 0) process.stderr.write('no test ran: expected at least one; see that the arguments match a test\n')
    process.stdout.write(`${describeCounts(counts)}\n`)
    return code === 0 && (ran === 0 || counts.failed > 0) ? 1 : code
  } finally {
    rmSync(directory, { recursive: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
