/**
 * Owns what a run of `pnpm audit --json` means. Pure, so that each answer the service can give is a test.
 * Trusts the report, not the exit code: pnpm exits with 1 for a vulnerability and for a network that is down.
 */

export interface AuditRun {
  readonly stdout: string
  readonly stderr: string
  /** null when a signal ended pnpm or it never ran. */
  readonly exitCode: number | null
  readonly timedOut: boolean
}

export type AuditVerdict =
  | { readonly kind: 'clean'; readonly dependencyCount: number }
  | { readonly kind: 'vulnerable'; readonly advisories: readonly string[] }
  | { readonly kind: 'skipped'; readonly why: string }
  | { readonly kind: 'broken'; readonly output: string }

/**
 * How pnpm says that the service, and not the repository, is the trouble; and how npx says that it could not even fetch
 * pnpm.
 */
const SERVICE_TROUBLE =
  /ERR_PNPM_AUDIT_(BAD_RESPONSE|ENDPOINT_NOT_EXISTS)|ERR_PNPM_(META_)?FETCH|ENOTFOUND|EAI_AGAIN|ECONN\w+|E?TIMEDOUT/

export function readAudit(run: AuditRun, timeoutMs: number): AuditVerdict {
  const report = parseReport(run.stdout)
  if (report !== undefined) {
    const advisories = Object.values(report.advisories).map(describeAdvisory)
    if (advisories.length > 0) return { kind: 'vulnerable', advisories }
    if (run.exitCode === 0) return { kind: 'clean', dependencyCount: report.dependencyCount }
  }
  if (run.timedOut) return { kind: 'skipped', why: `the audit service gave no answer within ${timeoutMs / 1000} s` }
  const output = `${run.stdout}\n${run.stderr}`.trim()
  if (SERVICE_TROUBLE.test(output)) return { kind: 'skipped', why: describeTrouble(output) }
  return { kind: 'broken', output: output === '' ? `pnpm printed nothing and exited with ${run.exitCode}` : output }
}

interface Report {
  readonly advisories: Readonly<Record<string, unknown>>
  readonly dependencyCount: number
}

/** The report in what pnpm printed, or undefined when there is none. */
function parseReport(stdout: string): Report | undefined {
  const value = parseJson(stdout)
  if (!isRecord(value) || !isRecord(value['advisories'])) return undefined
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {}
  return { advisories: value['advisories'], dependencyCount: Number(metadata['totalDependencies'] ?? 0) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describeAdvisory(advisory: unknown): string {
  if (!isRecord(advisory)) return `unreadable advisory: ${JSON.stringify(advisory)}`
  const { severity, module_name: name, vulnerable_versions: versions, title, url } = advisory
  return `${String(severity)}: ${String(name)} ${String(versions)}: ${String(title)} (${String(url)})`
}

/** One line out of pnpm's boxed and wrapped message; without the service's address, which is the machine's affair. */
function describeTrouble(output: string): string {
  const message = output
    .split('\n')
    .filter((line) => !/^npm (warn|notice)/.test(line))
    .join(' ')
    .replace(/[×│├╰─▶]+/g, ' ')
    .replace(/\s+/g, ' ')
  const status = /responded with (\d{3})/.exec(message)?.[1]
  if (status !== undefined) return `the audit service answered with status ${status}`
  if (message.includes('invalid JSON')) return 'the audit service answered with something that is not JSON'
  const cause = /connection refused|dns error|ENOTFOUND|EAI_AGAIN|ECONN\w+|timed ?out|ETIMEDOUT/i.exec(message)?.[0]
  return `the audit service cannot be reached (${cause ?? message.trim().slice(0, 80)})`
}
