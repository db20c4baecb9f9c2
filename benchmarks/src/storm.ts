/**
 * Owns the cases of a fleet that comes back after its daemon was restarted, replaced its workers, or died: how long
 * until the last client is connected again, and how evenly they come.
 * Must not know: how a client decides when to come.
 * Invariant: each client is a client of its own, with one connection; what is reported is of all of them together.
 */
import { join } from 'node:path'
import process from 'node:process'
import { z } from 'zod'
import type { Child } from './children.ts'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context } from './context.ts'
import { descriptorLimit } from './environment.ts'
import type { CaseResult } from './results.ts'
import { Servers } from './servers.ts'
import type { Running } from './servers.ts'

const ROUNDS = 3
const CLIENTS = 10_000
const PROCESSES = 2
const WORKERS = 2
/** Descriptors that a process has open besides its connections, with much to spare. */
const DESCRIPTORS_SPARE = 1000
const MAIN = join(import.meta.dirname, 'storm/main.ts')
/** The daemon asks to wait 500 ms at a stop, and up to 2 s more, or a millisecond for each connection of a worker. */
const RETRY_AFTER_MS = 500
const RETRY_JITTER_MS_MIN = 2000
/** What the last one's connect may take, and the ticks of its clocks. */
const CONNECT_MS = 200
const TENTHS = 10

const timesSchema = z.object({ times: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])) })

interface Storm {
  readonly name: string
  /** @returns the daemon that runs afterwards */
  readonly rage: (running: Running, start: () => Promise<Running>) => Promise<Running>
}

const STORMS: readonly Storm[] = [
  {
    name: 'restart',
    rage: async (running, start) => {
      await running.stop()
      return await start()
    },
  },
  {
    name: 'reload',
    rage: async (running) => {
      process.kill(running.pid, 'SIGHUP')
      return running
    },
  },
  {
    name: 'crash',
    rage: async (running, start) => {
      process.kill(-running.pid, 'SIGKILL')
      await running.stop()
      return await start()
    },
  },
]

export const stormCases: readonly Case[] = [{ group: 'storm', name: 'back', run: runStorms }]

async function runStorms(context: Context): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const clients = Math.min(
    options.connections ?? CLIENTS,
    ((descriptorLimit() ?? CLIENTS) - DESCRIPTORS_SPARE) * WORKERS,
  )
  const servers = new Servers(children, toolchain, { isPinned: false })
  const told = new Map<string, string>()
  const measure = async ({ name, rage }: Storm): Promise<number> => {
    let running = await servers.daemon('shardwire', WORKERS).start()
    const { port } = running
    const again = servers.daemon('shardwire', WORKERS, { LISTEN: `tcp://127.0.0.1:${port}` })
    const fleet: Child[] = []
    try {
      for (let index = 0; index < PROCESSES; index++) {
        const command = [process.execPath, MAIN, `${port}`, `${Math.round(clients / PROCESSES)}`]
        fleet.push(children.start('fleet', command))
      }
      for (const child of fleet) await child.nextLine()
      running = await rage(running, () => again.start())
      for (const child of fleet) child.writeLine('report')
      const lines: string[] = []
      for (const child of fleet) lines.push(await child.nextLine())
      const { lastMs, text } = judge(lines.flatMap((line) => timesSchema.parse(JSON.parse(line)).times))
      told.set(name, `${name}: ${text}`)
      return lastMs
    } finally {
      for (const child of fleet) child.kill()
      await running.stop()
    }
  }
  const rounds = await inRounds(options.rounds ?? ROUNDS, STORMS, progress, measure)
  return caseResult(
    {
      group: 'storm',
      name: 'back',
      unit: 'ms from a client leaving until it is back, of the slowest',
      better: 'lower',
      ratios: [],
      goals: { restart: RETRY_AFTER_MS + Math.max(RETRY_JITTER_MS_MIN, clients / WORKERS) + CONNECT_MS },
      notes: [
        `${clients} clients in ${PROCESSES} processes, ${WORKERS} workers, all on the same cores`,
        ...told.values(),
      ],
    },
    rounds,
  )
}

type Times = readonly [leftAtMs: number, firstAttemptAtMs: number, backAtMs: number, attempts: number]

/** How they came back: the slowest, and first attempts by tenths of the time from the first of them to the last. */
function judge(times: readonly Times[]): { readonly lastMs: number; readonly text: string } {
  const back = times.map(([left, , backAt]) => backAt - left)
  const first = times.map(([left, attempt]) => attempt - left)
  const [soonest, latest] = [Math.min(...first), Math.max(...first)]
  const tenths = Array.from({ length: TENTHS }, () => 0)
  for (const ms of first) {
    const tenth = Math.min(TENTHS - 1, Math.floor(((ms - soonest) / (latest - soonest)) * TENTHS))
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  const attempts = times.reduce((sum, [, , , count]) => sum + count, 0)
  const window = `first attempts from ${soonest.toFixed(0)} to ${latest.toFixed(0)} ms after leaving`
  const lastMs = Math.max(...back)
  const text = `${window}, by tenths of that ${tenths.join(' ')}; ${(attempts / times.length).toFixed(2)} attempts each`
  return { lastMs, text }
}
