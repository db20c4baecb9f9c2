/**
 * Owns `shardwire drain` and `shardwire reload`: asking for it, and waiting for what becomes of it.
 * Must not know: HTTP.
 * Invariant: the exit code says whether it was done.
 */
import type { Clock } from '@shardwire/protocol'
import type { Status, WorkerStatus } from '../status.ts'
import { secondsText } from '../units.ts'
import { isSet, numberOf, parse, type Parsed, textOf } from './arguments.ts'
import { AdminClient, adminTarget, EXIT_NEGATIVE, EXIT_UNAVAILABLE, NobodyThere, ShellError } from './client.ts'
import type { ShellIo } from './io.ts'

const DRAIN_USAGE = 'shardwire drain [--no-wait] [--timeout SECONDS] [--json] [--admin http://host:port]'
const RELOAD_USAGE = 'shardwire reload [--no-wait] [--timeout SECONDS] [--json] [--admin http://host:port]'
const LOOK_INTERVAL_MS = 200
const MS_PER_S = 1000
const TIMEOUT_SECONDS = 600
const OPTIONS = { 'no-wait': { type: 'boolean' }, timeout: { type: 'string' } } as const

export async function drainCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const scene = begin(parse(args, OPTIONS, DRAIN_USAGE), io)
  const { client, parsed, clock } = scene
  const draining = await client.get<Status>('/api/status')
  await client.ask('POST', '/api/drain')
  const { pid } = draining
  if (isSet(parsed, 'no-wait')) return told(scene, { begun: 'drain', pid }, `the daemon (pid ${pid}) drains`, 0)
  const beganMs = clock.nowMs()
  let last = draining
  const end = await until(scene, async () => {
    const seen = await lookAfter(client)
    if (seen === 'gone' || seen === 'silent') return seen === 'gone' ? { by: undefined } : undefined
    if (seen.pid !== pid || seen.startedAt !== draining.startedAt) return { by: seen.pid }
    last = seen
    return undefined
  })
  const seconds = (clock.nowMs() - beganMs) / MS_PER_S
  if (end === undefined) return told(scene, { drained: false, pid, seconds }, stillDrains(last), EXIT_NEGATIVE)
  const another = end.by === undefined ? '' : `, and another (pid ${end.by}) answers there by now`
  const text =
    `drained: the daemon (pid ${pid}) has ended, ${secondsText(seconds)} after it was asked to${another}. What it ` +
    'answered, closed and had to cut off is told at the end of its log (event "stopped")'
  return told(scene, { drained: true, pid, seconds }, text, 0)
}

export async function reloadCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const scene = begin(parse(args, OPTIONS, RELOAD_USAGE), io)
  const { client, parsed } = scene
  const before = endedOf(await client.get<Status>('/api/status'))
  await client.ask('POST', '/api/reload')
  if (isSet(parsed, 'no-wait')) return told(scene, { begun: 'reload' }, 'the daemon reloads', 0)
  const reload = await until(scene, async () => {
    const status = await client.get<Status>('/api/status')
    return !status.reload.isRunning && endedOf(status) > before ? status.reload : undefined
  })
  if (reload === undefined) return told(scene, { outcome: 'running' }, 'the reload is still under way', EXIT_NEGATIVE)
  const { lastOutcome, lastProblems } = reload
  const outcome = { outcome: lastOutcome, problems: lastProblems }
  if (lastOutcome === 'done') return told(scene, outcome, 'reloaded: all workers are new', 0)
  const text =
    lastOutcome === 'refused'
      ? `refused, nothing has changed:\n${lastProblems.map((problem) => `  ${problem}`).join('\n')}`
      : 'failed: a new worker did not come up, and the others serve on; the daemon’s log says why'
  return told(scene, outcome, text, EXIT_NEGATIVE)
}

interface Scene {
  readonly parsed: Parsed
  readonly client: AdminClient
  readonly clock: Clock
  readonly io: ShellIo
}

function begin(parsed: Parsed, io: ShellIo): Scene {
  const client = new AdminClient(adminTarget(io.env, io.readFile, textOf(parsed, 'admin')), io.clock)
  return { parsed, client, clock: io.clock, io }
}

function told({ parsed, io }: Scene, data: object, text: string, exitCode: number): number {
  io.write(isSet(parsed, 'json') ? `${JSON.stringify(data)}\n` : `${text}\n`)
  return exitCode
}

/** @returns undefined when time was up first */
async function until<T>({ parsed, clock }: Scene, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const untilMs = clock.nowMs() + numberOf(parsed, 'timeout', TIMEOUT_SECONDS) * MS_PER_S
  for (;;) {
    const found = await look()
    if (found !== undefined || clock.nowMs() >= untilMs) return found
    await new Promise<void>((resolve) => clock.after(LOOK_INTERVAL_MS, resolve))
  }
}

/** @returns its status, or that of the daemon that came after it; silent: what does not answer may drain still */
async function lookAfter(client: AdminClient): Promise<Status | 'gone' | 'silent'> {
  try {
    return await client.get<Status>('/api/status')
  } catch (error) {
    if (error instanceof NobodyThere) return 'gone'
    if (error instanceof ShellError && error.exitCode === EXIT_UNAVAILABLE) return 'silent'
    throw error
  }
}

function stillDrains({ pid, workers }: Status): string {
  const sum = (of: (worker: WorkerStatus) => number): number => workers.reduce((all, one) => all + of(one), 0)
  const connections = sum((worker) => worker.connections)
  const inFlight = sum((worker) => worker.requestsInFlight)
  return (
    `the daemon (pid ${pid}) still drains: when it answered last it had ${connections} connections, and ${inFlight} ` +
    'requests in flight'
  )
}

/** Reloads that have ended, one way or another. */
function endedOf({ reload }: Status): number {
  return reload.done + reload.failed + reload.refused
}
