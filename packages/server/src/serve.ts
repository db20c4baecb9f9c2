/**
 * Owns the daemon as a command: configuration in, signals to the primary, exit code out.
 * Must not know: how the primary does its work.
 * Invariant: exit codes are 0 stopped as asked, 1 could not start, 2 configuration, 70 a fault of the primary, 128 + n
 * forced by signal n.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { fileURLToPath } from 'node:url'
import type { CancelTimer } from '@shardwire/protocol'
import { openAdmin } from './admin/admin.ts'
import { systemClock } from './clock.ts'
import { formatProblems } from './config/format.ts'
import { type Config, loadConfig, type Source, type Sources } from './config/load-config.ts'
import { OPTIONS } from './config/options.ts'
import { withoutSecrets } from './config/secrets.ts'
import { readMachine } from './config/machine.ts'
import { createLogger, isPretty, type Logger } from './log.ts'
import { obeyHangup } from './hangups.ts'
import type { FigureSources } from './metrics/daemon-figures.ts'
import { type KernelFigures, readKernel, readText } from './metrics/kernel.ts'
import { VitalSigns } from './metrics/vitals.ts'
import type { Environment } from './config/read-options.ts'
import { StartError } from './primary/entrance.ts'
import { Primary } from './primary/primary.ts'
import { Reloads } from './reloads.ts'
import { ServiceManager, systemdNotify } from './service-manager.ts'
import { loadRawBinding } from './transport/raw-handle.ts'
import { canReusePorts } from './transport/raw-listener.ts'
import { type Announced, startBanner } from './start-banner.ts'
import { VERSION } from './version.ts'

export const EXIT_START = 1
export const EXIT_CONFIG = 2
/** EX_SOFTWARE: what 1 means to a service manager is taken. */
export const EXIT_FAULT = 70
const STANDARD_STREAMS = [0, 1, 2]
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** A second signal sooner than this is the same key press, seen twice: through the terminal and through a parent. */
const SAME_SIGNAL_MS = 1000
/** How often it is looked how late the primary's loop is. */
const TICK_MS = 100
const MS_PER_S = 1000

/**
 * Runs the daemon until it is told to stop.
 * @param dev variables that `shardwire dev` has set; undefined where it is not what runs this @returns the exit code
 */
export async function serve(
  write: (text: string) => void,
  writeError: (text: string) => void,
  dev?: ReadonlySet<string>,
): Promise<number> {
  // What the daemon itself does later to its environment is no change of the operator's.
  const realEnv = { ...process.env }
  const machine = readMachine()
  const loaded = loadConfig(realEnv, machine, readFile)
  if (!loaded.ok) {
    writeError(`shardwire cannot start: ${formatProblems(loaded.problems)}\n`)
    return EXIT_CONFIG
  }
  const { env } = loaded
  const sources = sourcesWith(dev, loaded.sources)
  // Like lines of the log: what cannot be written is lost, and the daemon goes on.
  process.stdout.on('error', () => undefined)
  const { logLevel, logFormat } = loaded.config
  const log = createLogger({ clock: systemClock, level: logLevel, format: logFormat, base: { role: 'primary' } })
  const possible = (wanted: Config): Config => withPossibleAccept(wanted, log)
  const config = possible(loaded.config)
  const workerModule = fileURLToPath(new URL('./worker/main.js', import.meta.url))
  const primary = new Primary({ config, env, clock: systemClock, log, workerModule, raw: choosesRaw(config, log) })
  const again = dev === undefined ? 'send SIGHUP again' : 'save it again'
  const reloads = new Reloads({ env: realEnv, machine, readFile, possible, clock: systemClock, log, primary, again })
  obeySignals(primary, reloads, log)
  const faults = surviveFaults(primary, log)
  const manager = tellServiceManager(primary, realEnv, log)
  try {
    const figures = figuresOf(primary, reloads)
    // First of all: whoever asks whether it is ready is to hear that it starts.
    const { inquiries, profiles, seconds } = primary.told
    const listen = (onSecond: () => void): CancelTimer => seconds.listen(onSecond)
    const drain = (why: string): void => void primary.stop(why)
    const reload = (why: string): void => void reloads.request(why)
    const asked = { inquiries, profiles, listen, drain, reload }
    const admin = await openAdmin({ clock: systemClock, log, sources, figures, kernel, ...asked })
    const started = await primary.start()
    if (started !== undefined) announce({ ...started, admin: admin?.address }, config, sources, log, write)
    // A fault in it ends the daemon like any other of the primary.
    void reloads.started()
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    writeError(`shardwire cannot start: ${error.message}\n`)
    return EXIT_START
  }
  await primary.stopped
  manager.close()
  return faults.count === 0 ? 0 : EXIT_FAULT
}

/** What `shardwire dev` set stands in the environment as what the user set does. */
function sourcesWith(dev: ReadonlySet<string> | undefined, sources: Sources): Sources {
  if (dev === undefined) return sources
  const rows = Object.entries(sources) as [keyof Sources, Source][]
  return Object.fromEntries(rows.map(([key, source]) => [key, dev.has(OPTIONS[key].name) ? 'dev' : source])) as Sources
}

/** systemd hears how the daemon is, where it started it and wants to know. */
function tellServiceManager(primary: Primary, env: Environment, log: Logger): ServiceManager {
  const { pid } = process
  const manager = new ServiceManager({ env, pid, clock: systemClock, log, notify: systemdNotify })
  const { readiness } = primary.told
  readiness.onChange = () => manager.look(readiness, primary.config.drainTimeoutMs)
  return manager
}

/** What the primary is in the middle of is unknown then, but its workers are not: they may finish what they do. */
function surviveFaults(primary: Primary, log: Logger): { readonly count: number } {
  const faults = { count: 0 }
  process.on('uncaughtException', (error) => {
    const text = 'a fault of this server in its primary: the daemon drains and ends with 70, to be started again'
    log.fatal({ event: 'primary-fault', class: 'system', err: error }, text)
    if (faults.count++ > 0) process.exit(EXIT_FAULT)
    void primary.stop('a fault of the primary')
  })
  return faults
}

/** Whether sockets are driven as raw handles: where this Node has what that takes, and nobody said otherwise. */
function choosesRaw({ transport }: Config, log: Logger): boolean {
  if (transport === 'socket') return false
  if (loadRawBinding() !== undefined) return true
  const text = `Node ${process.version} lacks what the raw transport takes; documented sockets serve, more slowly`
  log.warn({ event: 'transport-fallback' }, text)
  return false
}

/** The configuration with a way to accept that this system has. */
function withPossibleAccept(config: Config, log: Logger): Config {
  if (config.accept !== 'reuseport' || canReusePorts()) return config
  const text = `SHARDWIRE_ACCEPT=reuseport: this system or Node ${process.version} cannot share a port; handoff serves`
  log.warn({ event: 'accept-fallback' }, text)
  return { ...config, accept: 'handoff' }
}

function announce(
  started: Announced,
  config: Config,
  sources: Sources,
  log: Logger,
  write: (text: string) => void,
): void {
  if (isPretty(config.logFormat)) write(startBanner(started, config, sources))
  else log.info({ event: 'listening', version: VERSION, ...started, config: withoutSecrets(config) }, 'listening')
}

/** What the admin server tells of. */
function figuresOf(primary: Primary, reloads: Reloads): FigureSources {
  const { readiness, totals, handoff, supervisor } = primary.told
  const vitals = new VitalSigns()
  let tickedAtMs = systemClock.nowMs()
  systemClock.every(TICK_MS, () => {
    const nowMs = systemClock.nowMs()
    vitals.late(nowMs - tickedAtMs - TICK_MS)
    tickedAtMs = nowMs
  })
  return {
    config: () => primary.config,
    readiness,
    totals,
    handoff,
    workers: () => supervisor.workers,
    reloads: reloads.state,
    vitals: () => vitals.take(primary.openFiles),
    startedAtSeconds: (systemClock.wallMs() - process.uptime() * MS_PER_S) / MS_PER_S,
  }
}

function kernel(): KernelFigures {
  return readKernel(readText)
}

function readFile(path: string): string {
  return readFileSync(path, 'utf8')
}

function obeySignals(primary: Primary, reloads: Reloads, log: Logger): void {
  let firstAtMs: number | undefined
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      const nowMs = systemClock.nowMs()
      if (firstAtMs !== undefined && nowMs - firstAtMs >= SAME_SIGNAL_MS) endAtOnce(primary, log, signal)
      firstAtMs ??= nowMs
      void primary.stop(signal)
    })
  }
  // One that was started with nohup, or in the background with all streams elsewhere, shall outlive it. (Node makes
  // SIGHUP end a process again for which nohup had it ignored, so the streams have to tell.)
  const isAtTerminal = STANDARD_STREAMS.some((fd) => isatty(fd))
  obeyHangup(() => {
    // Of somebody who closed the terminal, and wants nothing to stay behind that holds the port.
    if (isAtTerminal && !hasTerminal()) void primary.stop('SIGHUP, and the terminal has gone')
    else void reloads.request('SIGHUP')
  })
}

/** Somebody will not wait for the drain. What workers say of a primary that is gone is explained by this line. */
function endAtOnce({ told: { supervisor } }: Primary, log: Logger, signal: (typeof STOP_SIGNALS)[number]): never {
  const inFlight = supervisor.workers.reduce((sum, { counters }) => sum + counters.callsInFlight, 0)
  const fields = { event: 'ended-at-once', signal, callsInFlight: inFlight }
  log.warn(fields, `a second ${signal}: the daemon ends at once; connections are cut, what is in flight is lost`)
  process.exit(128 + constants.signals[signal])
}

/** Whether this process has a terminal that is still there. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    // ENXIO of a service, and when the terminal was hung up.
    return false
  }
}
