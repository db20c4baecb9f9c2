/**
 * Owns the daemon as a command: configuration in, signals to the primary, exit code out.
 * Must not know: how the primary does its work.
 * Invariant: exit codes are 0 stopped as asked, 1 could not start, 2 configuration, 128 + n forced by signal n.
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { systemClock } from './clock.ts'
import { formatProblems } from './config/format.ts'
import { type Config, loadConfig, type Sources } from './config/load-config.ts'
import { readMachine } from './config/machine.ts'
import { createLogger, isPretty, type Logger } from './log.ts'
import { StartError } from './primary/entrance.ts'
import { Primary, type Started } from './primary/primary.ts'
import { loadRawBinding } from './transport/raw-handle.ts'
import { canReusePorts } from './transport/raw-listener.ts'
import { startBanner } from './start-banner.ts'
import { VERSION } from './version.ts'

export const EXIT_START = 1
export const EXIT_CONFIG = 2
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
/** A second signal sooner than this is the same key press, seen twice: through the terminal and through a parent. */
const SAME_SIGNAL_MS = 1000

/** Runs the daemon until it is told to stop. @returns the exit code */
export async function serve(write: (text: string) => void, writeError: (text: string) => void): Promise<number> {
  const loaded = loadConfig(process.env, readMachine(), (path) => readFileSync(path, 'utf8'))
  if (!loaded.ok) {
    writeError(`shardwire cannot start: ${formatProblems(loaded.problems)}\n`)
    return EXIT_CONFIG
  }
  const { sources } = loaded
  const { logLevel, logFormat } = loaded.config
  const log = createLogger({ level: logLevel, format: logFormat, base: { role: 'primary' } })
  const config = withPossibleAccept(loaded.config, log)
  const workerModule = fileURLToPath(new URL('./worker/main.js', import.meta.url))
  const primary = new Primary({ config, clock: systemClock, log, workerModule, raw: choosesRaw(config, log) })
  obeySignals(primary)
  try {
    const started = await primary.start()
    if (started !== undefined) announce(started, config, sources, log, write)
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    writeError(`shardwire cannot start: ${error.message}\n`)
    return EXIT_START
  }
  await primary.stopped
  return 0
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
  started: Started,
  config: Config,
  sources: Sources,
  log: Logger,
  write: (text: string) => void,
): void {
  if (isPretty(config.logFormat)) write(startBanner(started, config, sources))
  else log.info({ event: 'listening', version: VERSION, ...started, config }, 'listening')
}

function obeySignals(primary: Primary): void {
  let firstAtMs: number | undefined
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      const nowMs = systemClock.nowMs()
      if (firstAtMs !== undefined && nowMs - firstAtMs >= SAME_SIGNAL_MS) process.exit(128 + constants.signals[signal])
      firstAtMs ??= nowMs
      void primary.stop(signal)
    })
  }
}
