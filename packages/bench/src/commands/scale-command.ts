/**
 * Owns the command `scale`: throughput by number of workers or connections, and the law that it follows.
 * Must not know: laws, how a load is made.
 * Invariant: see Command. Repeats go round over the sizes again and again, so that a machine that changes its speed
 * changes it for all of them.
 */
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

import { EXIT_INVALID, EXIT_PASS } from '../exit-codes.ts'
import { Daemon, ownDaemonEntry } from '../fleet/daemon.ts'
import { describeEnvironment } from '../report/environment.ts'
import { csvOf } from '../report/files/csv.ts'
import { scalePage } from '../report/html/scale-page.ts'
import { grouped } from '../report/numbers.ts'
import { scaleTable } from '../report/scale-table.ts'
import type { ScaleReport } from '../report/schema/scale.ts'
import { statusOn } from '../report/status.ts'
import type { Status } from '../report/status.ts'
import { targetUrl } from '../options/target.ts'
import { SCALE_CONNECTIONS_REMEDIES, SCALE_REMEDIES } from '../run/remedies.ts'
import { runBench } from '../run/run-bench.ts'
import { scaleOptionsOf, scaleProblems, SCALE_FLAGS } from '../scale/scale-options.ts'
import type { ScaleFlags, ScaleOptions } from '../scale/scale-options.ts'
import { makeScaleReport } from '../scale/scale-report.ts'
import type { Measured } from '../scale/scale-report.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, jsonOf, textOutput, writeReport } from './reporting.ts'
import type { Written } from './reporting.ts'

export const scaleCommand: Command = {
  name: 'scale',
  about: 'measures throughput by number of workers or connections, and fits linear, Amdahl and USL',
  usage: '[flags]',
  flags: SCALE_FLAGS,
  details: [
    'A closed loop for each size, --repeats times in turn. The law with the smallest corrected Akaike criterion is the',
    'best; nothing is told of sizes beyond twice the largest measured. Fewer than six sizes, or more workers and load',
    'processes than cores, make the result SUSPECT.',
  ].join('\n'),
  run: scale,
}

async function scale(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parseCommand('scale', SCALE_FLAGS, args, { check: scaleProblems })
  if (!parsed.ok) return sayProblems('scale', parsed.problems, context)
  const { values } = parsed
  checkReportFiles(values)
  const options = scaleOptionsOf(values)
  const text = textOutput(values, context.outputs)
  const status = statusOn(text, context.clock, values.quiet)
  const startedAt = new Date(context.clock.wallMs()).toISOString()
  const environment = describeEnvironment()
  const runs: Measured[] = []
  const sweep = new Sweep(values, options, status, context)
  try {
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      for (const size of options.sizes) {
        if (!context.signal.aborted) runs.push(await sweep.measure(size, repeat))
      }
    }
  } finally {
    status.end()
    await sweep.end()
  }
  const settings = sweep.settings
  const origin = { environment, version: benchVersion(), commandLine: process.argv.slice(2), startedAt, settings }
  const report = makeScaleReport(options, runs, origin)
  text.write(scaleTable(report))
  writeReport(values, scaleFiles(report), context.outputs)
  return report.verdict.state === 'INVALID' ? EXIT_INVALID : EXIT_PASS
}

/** The runs of a sweep, and the daemon that they need. */
class Sweep {
  readonly #values: ScaleFlags
  readonly #options: ScaleOptions
  readonly #status: Status
  readonly #context: CommandContext
  #daemon: Daemon | null = null
  #workers = 0

  constructor(values: ScaleFlags, options: ScaleOptions, status: Status, context: CommandContext) {
    this.#values = values
    this.#options = options
    this.#status = status
    this.#context = context
  }

  get settings(): Daemon['settings'] | null {
    return this.#daemon?.settings ?? null
  }

  async measure(size: number, repeat: number): Promise<Measured> {
    const { over, repeats, load } = this.#options
    const { clock, signal } = this.#context
    if (this.#values.daemon !== undefined) await this.#serve(over === 'workers' ? size : null)
    this.#status.now(`${grouped(size)} ${over}, run ${repeat + 1} of ${repeats}`)
    const remedies = over === 'connections' ? SCALE_CONNECTIONS_REMEDIES : SCALE_REMEDIES
    const report = await runBench(load(size), { clock, signal, remedies })
    const p99 = `p99 ${grouped(report.latency.response.p99Us)} us`
    const rate = `${grouped(report.messagesPerSecond)} messages/s`
    this.#status.say(
      `${grouped(size).padStart(9)} ${over}  run ${repeat + 1}  ${rate}  ${p99}  ${report.verdict.state}`,
    )
    return { size, repeat, report }
  }

  /** After the last run the settings are still to be told, so the daemon is only ended. */
  async end(): Promise<void> {
    await this.#daemon?.stop()
  }

  /** Lets a daemon of so many workers serve; null is as many as there are cores. */
  async #serve(workers: number | null): Promise<void> {
    if (this.#daemon !== null && (workers === null || workers === this.#workers)) return
    await this.#daemon?.stop()
    const { target, daemon, out } = this.#values
    const { clock } = this.#context
    const entry = daemon === undefined || daemon === 'auto' ? ownDaemonEntry() : path.resolve(daemon)
    const logFile = out === undefined ? path.join(tmpdir(), `shardwire-scale-${process.pid}.log`) : path.join(out, LOG)
    const settings = { SHARDWIRE_ADMIN: 'off', SHARDWIRE_LOG_FORMAT: 'json' }
    const own = workers === null ? {} : { SHARDWIRE_WORKERS: String(workers) }
    const fixed = { SHARDWIRE_LISTEN: targetUrl(target), ...own }
    this.#status.now(`starting a daemon${workers === null ? '' : ` of ${workers} workers`}`)
    this.#daemon = await Daemon.start({ entry, settings, fixed, logFile, clock })
    this.#workers = workers ?? 0
  }
}

const LOG = 'daemon.log'

/** A sweep's report in every form. */
export function scaleFiles(report: ScaleReport): Written {
  return { json: jsonOf(report), html: scalePage(report), others: { 'runs.csv': runsCsv(report) } }
}

function runsCsv({ runs, over }: ScaleReport): string {
  const names = [over, 'run', 'messages_per_second', 'p50_us', 'p99_us', 'server_cores', 'generator_cores', 'verdict']
  const rows = runs.map(({ size, repeat, messagesPerSecond, response, serverCores, generatorCores, verdict }) => {
    const { p50Us, p99Us } = response
    return [size, repeat + 1, messagesPerSecond, p50Us, p99Us, serverCores, generatorCores, verdict.state]
  })
  return csvOf(names, rows)
}
