/**
 * Owns `shardwire doctor`: what of this machine is too small for what is configured and, where the daemon runs, what
 * holds it back.
 * Must not know: checks.
 * Invariant: the exit code says whether something is to be done; nothing is changed. A running daemon is judged by the
 * configuration that it has, whatever this shell's environment says.
 */
import { isSet, numberOf, parse, textOf } from '../admin/shell/arguments.ts'
import {
  AdminClient,
  adminTarget,
  EXIT_NEGATIVE,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
  ShellError,
} from '../admin/shell/client.ts'
import type { ShellIo } from '../admin/shell/io.ts'
import type { Sample } from '../admin/status.ts'
import type { EffectiveOption } from '../config/format.ts'
import { type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { type Machine, readMachine } from '../config/machine.ts'
import { NOT_SHOWN } from '../config/problem.ts'
import type { Environment } from '../config/read-options.ts'
import { liveOf } from './checks/live-daemon.ts'
import { examineDaemon, examineMachine } from './examine.ts'
import type { Finding } from './finding.ts'
import { groupPath, type Observation, observe } from './observation.ts'
import { isWell, type Report, reportJson, reportText } from './report.ts'
import { readNumber, type System, thisSystem } from './system.ts'

const USAGE = 'shardwire doctor [--seconds N] [--all] [--json] [--admin http://host:port]'
const SECONDS_STANDARD = 3
const MS_PER_S = 1000
/** Stands for a secret that the daemon does not tell. */
const SOME_SECRET = 'x'.repeat(32)

/** @param system in tests another one */
export async function doctorCommand(
  args: readonly string[],
  io: ShellIo,
  system: System = thisSystem,
): Promise<number> {
  const parsed = parse(args, { seconds: { type: 'string' }, all: { type: 'boolean' } }, USAGE)
  const seconds = numberOf(parsed, 'seconds', SECONDS_STANDARD)
  const report = await examine(io, system, textOf(parsed, 'admin'), seconds)
  const text = isSet(parsed, 'json') ? reportJson(report) : reportText(report, isSet(parsed, 'all'))
  io.write(`${text}\n`)
  return isWell(report) ? 0 : EXIT_NEGATIVE
}

async function examine(io: ShellIo, system: System, admin: string | undefined, seconds: number): Promise<Report> {
  const client = clientOf(io, admin)
  const address = client?.target.address ?? '(nowhere: SHARDWIRE_ADMIN is off, or wrong)'
  const watched = client === undefined ? undefined : await watch(client, io, system, seconds)
  if (watched === undefined || client === undefined) return { address, pid: undefined, ...(await before(io, system)) }
  const { status } = watched.after.sample
  const isHere = system.read(`/proc/${status.pid}/cmdline`)?.includes('node') === true
  const options = await client.get<readonly EffectiveOption[]>('/api/config')
  const machine = machineOf(system, watched.after, isHere)
  const loaded = loadConfig(environmentOf(options), machine)
  if (!loaded.ok) return { address, pid: status.pid, remarks: [], findings: problemsOf(loaded) }
  const sources = { ...loaded.sources, ...sourcesOf(options) }
  const scene = { config: loaded.config, sources, machine, system, isRunning: true }
  const live = examineDaemon(liveOf(scene, watched.before, watched.after), isHere)
  if (isHere) {
    const findings = [...live, ...(await examineMachine(scene, io.env, io.clock))]
    return { address, pid: status.pid, remarks: [], findings }
  }
  const remark = 'It runs on another machine, or in a container of its own: what is under it was not looked at.'
  return { address, pid: status.pid, remarks: [remark], findings: live }
}

/** What a start would find. */
async function before(io: ShellIo, system: System): Promise<Pick<Report, 'remarks' | 'findings'>> {
  const machine = readMachine()
  const loaded = loadConfig(io.env, machine, io.readFile)
  if (!loaded.ok) {
    const remark = 'The configuration is wrong, so the machine was not looked at.'
    return { remarks: [remark], findings: problemsOf(loaded) }
  }
  const { config, sources, env } = loaded
  const scene = { config, sources, machine, system, isRunning: false }
  return { remarks: [], findings: await examineMachine(scene, env, io.clock) }
}

/** Undefined where the environment names no admin server: there may be none. */
function clientOf(io: ShellIo, admin: string | undefined): AdminClient | undefined {
  try {
    return new AdminClient(adminTarget(io.env, io.readFile, admin), io.clock)
  } catch (error) {
    if (error instanceof ShellError && error.exitCode === EXIT_USAGE && admin === undefined) return undefined
    throw error
  }
}

interface Watched {
  readonly before: Observation
  readonly after: Observation
}

/** Looks twice, so many seconds apart. @returns undefined when no daemon answers */
async function watch(client: AdminClient, io: ShellIo, system: System, seconds: number): Promise<Watched | undefined> {
  const controller = new AbortController()
  let first: Observation | undefined
  try {
    for await (const sample of client.events<Sample>('/api/events', controller.signal)) {
      const seen = observe(system, sample, io.clock.nowMs())
      first ??= seen
      if (seen.atMs - first.atMs >= seconds * MS_PER_S) return { before: first, after: seen }
    }
  } catch (error) {
    if (error instanceof ShellError && error.exitCode === EXIT_UNAVAILABLE) return undefined
    throw error
  } finally {
    controller.abort()
  }
  throw new ShellError(EXIT_UNAVAILABLE, `${client.target.address} has gone meanwhile`)
}

/** What the running daemon was given, as variables. */
function environmentOf(options: readonly EffectiveOption[]): Environment {
  const set = options.filter(({ source }) => source !== 'default' && source !== 'computed')
  return Object.fromEntries(
    set
      .filter(({ name }) => name !== 'SHARDWIRE_ENV_FILE')
      .map(({ name, value }) => [name, value === NOT_SHOWN ? SOME_SECRET : value]),
  )
}

/** Where its values came from, by key. */
function sourcesOf(options: readonly EffectiveOption[]): Record<string, EffectiveOption['source']> {
  const camelCase = (_: string, letter: string): string => letter.toUpperCase()
  return Object.fromEntries(
    options.map(({ name, source }) => {
      const key = name.slice('SHARDWIRE_'.length).toLowerCase()
      return [key.replaceAll(/_([a-z])/g, camelCase), source]
    }),
  )
}

/** The limits of the daemon itself, not of this shell. */
function machineOf(system: System, { sample }: Observation, isHere: boolean): Machine {
  const machine = readMachine()
  const { workers, pid } = sample.status
  const files = workers.map(({ openFilesMax }) => openFilesMax).filter((max) => max > 0)
  const memoryMax = isHere ? readNumber(system, `${groupPath(system, pid)}/memory.max`) : undefined
  return {
    ...machine,
    descriptorLimit: files.length === 0 ? machine.descriptorLimit : Math.min(...files),
    memoryBytes: Math.min(machine.memoryBytes, memoryMax ?? Infinity),
  }
}

function problemsOf({ problems }: Extract<LoadedConfig, { ok: false }>): Finding[] {
  return problems.map(({ name, message, expected, example }) => ({
    check: `configuration ${name}`,
    level: 'critical',
    title: 'the configuration is wrong',
    read: message,
    why: `expected: ${expected}`,
    mend: [example],
  }))
}
