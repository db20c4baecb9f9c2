/**
 * What each answer of the audit service means. The texts are what pnpm 12 printed against a service that answered so.
 */
import { expect, it } from 'vitest'
import { readAudit } from '../audit/verdict.ts'
import type { AuditRun, AuditVerdict } from '../audit/verdict.ts'

const TIMEOUT_MS = 60_000

function verdictOn(run: Partial<AuditRun>): AuditVerdict {
  return readAudit({ stdout: '', stderr: '', exitCode: 1, timedOut: false, ...run }, TIMEOUT_MS)
}

const METADATA = { totalDependencies: 19 }

const ADVISORY = {
  id: 1097000,
  title: 'Deep bodies exhaust the stack',
  module_name: 'example',
  vulnerable_versions: '<1.2.3',
  severity: 'high',
  url: 'https://github.com/advisories/GHSA-xxxx-yyyy-zzzz',
}

function serviceTrouble(message: string): string {
  return `npm warn old config\nError: ERR_PNPM_AUDIT_BAD_RESPONSE\n\n  × ${message}\n`
}

it('passes an empty report and says how many dependencies it covered', () => {
  const verdict = verdictOn({ stdout: JSON.stringify({ advisories: {}, metadata: METADATA }), exitCode: 0 })
  expect(verdict).toEqual({ kind: 'clean', dependencyCount: 19 })
})

it('fails on an advisory and names package, versions and page', () => {
  const verdict = verdictOn({ stdout: JSON.stringify({ advisories: { 1097000: ADVISORY }, metadata: METADATA }) })
  expect(verdict).toEqual({
    kind: 'vulnerable',
    advisories: [
      'high: example <1.2.3: Deep bodies exhaust the stack (https://github.com/advisories/GHSA-xxxx-yyyy-zzzz)',
    ],
  })
})

it('fails on an advisory even when pnpm exits with 0', () => {
  const stdout = JSON.stringify({ advisories: { 1097000: ADVISORY }, metadata: METADATA })
  expect(verdictOn({ stdout, exitCode: 0 }).kind).toBe('vulnerable')
})

it.each([
  [
    'refuses the method',
    'The audit endpoint (at http://host/-/npm/v1/security/\n  │ advisories/bulk) responded with 405:\n',
    'the audit service answered with status 405',
  ],
  [
    'answers with a page',
    'The audit endpoint (at http://host/) returned invalid JSON: expected value at line 1\n  │ Response body: <html>',
    'the audit service answered with something that is not JSON',
  ],
  [
    'is not there',
    'Failed to request the audit endpoint\n  ├─▶ client error (Connect)\n  ╰─▶ Connection refused (os error 111)',
    'the audit service cannot be reached (Connection refused)',
  ],
  [
    'has no address',
    'Failed to request the audit endpoint\n  ├─▶ dns error\n  ╰─▶ failed to lookup address information',
    'the audit service cannot be reached (dns error)',
  ],
])('skips, and says why, when the service %s', (_, message, why) => {
  expect(verdictOn({ stderr: serviceTrouble(message) })).toEqual({ kind: 'skipped', why })
})

it('skips when there is no answer in time', () => {
  const why = 'the audit service gave no answer within 60 s'
  expect(verdictOn({ exitCode: null, timedOut: true })).toEqual({ kind: 'skipped', why })
})

it('skips when pnpm itself cannot be fetched', () => {
  const verdict = verdictOn({ stderr: 'npm error code ENOTFOUND\nnpm error network request failed' })
  expect(verdict).toEqual({ kind: 'skipped', why: 'the audit service cannot be reached (ENOTFOUND)' })
})

it.each([
  ['a missing lockfile', 'Error: ERR_PNPM_AUDIT_NO_LOCKFILE\n\n  × No pnpm-lock.yaml found'],
  ['silence', ''],
])('fails on %s, which is no trouble of the service', (_, stderr) => {
  expect(verdictOn({ stderr }).kind).toBe('broken')
})

it('does not take an empty report of a pnpm that failed for a clean one', () => {
  const stdout = JSON.stringify({ advisories: {}, metadata: METADATA })
  expect(verdictOn({ stdout, exitCode: 1 }).kind).toBe('broken')
})
