/**
 * Owns `npm run audit`: are there known vulnerabilities in what users of the packages install (dependencies, not
 * devDependencies)?
 * A vulnerability fails the run. An audit service that cannot be reached, or whose answer makes no sense, is said
 * in one line and fails nothing: that is no fault of this repository.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { readAudit } from './audit/verdict.ts'
import type { AuditRun } from './audit/verdict.ts'
import { PNPM_VERSION } from './bootstrap/install.mjs'

const ROOT = join(import.meta.dirname, '..')

/** pnpm waits up to a minute per try for a service that accepts and then says nothing. */
const ANSWER_TIMEOUT_MS = 60_000

/** No retries: pnpm's own take 70 s to say "connection refused". */
const ARGS = ['--yes', `pnpm@${PNPM_VERSION}`, 'audit', '--prod', '--json', '--config.fetch-retries=0']

function runAudit(): Promise<AuditRun> {
  return new Promise((resolve) => {
    // A group of its own, because npx starts pnpm and only a signal to the group reaches both.
    const child = spawn('npx', ARGS, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const run = { stdout: '', stderr: '', exitCode: null as number | null, timedOut: false }
    const timer = setTimeout(() => {
      run.timedOut = true
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, ANSWER_TIMEOUT_MS)
    const finish = (exitCode: number | null): void => {
      clearTimeout(timer)
      resolve({ ...run, exitCode })
    }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (run.stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (run.stderr += chunk))
    child.once('error', (cause) => {
      run.stderr += `cannot run npx: ${cause.message}`
      finish(null)
    })
    child.once('close', finish)
  })
}

const verdict = readAudit(await runAudit(), ANSWER_TIMEOUT_MS)
switch (verdict.kind) {
  case 'clean':
    process.stdout.write(`audit passed: no known vulnerability in ${verdict.dependencyCount} production dependencies\n`)
    break
  case 'skipped':
    process.stdout.write(`audit skipped: ${verdict.why}\n`)
    break
  case 'vulnerable':
    for (const line of verdict.advisories) process.stdout.write(`${line}\n`)
    process.stdout.write(
      `audit failed, known vulnerabilities: ${verdict.advisories.length}; move to a version that is not affected, ` +
        'or replace the dependency\n',
    )
    process.exitCode = 1
    break
  case 'broken':
    process.stdout.write(
      `${verdict.output}\naudit failed: pnpm could not audit this repository, for the reason above\n`,
    )
    process.exitCode = 1
    break
}
