/**
 * Owns the cases of clients that send and never read: what they cost others, and how much memory they take.
 * Must not know: how servers are started, how results are printed.
 * Invariant: the rate of the others' echoes is fixed and their latency is counted from when they should have been sent.
 * It is low, so that the core has time for all: what is looked for is whether somebody who does not read makes others
 * wait, not how much a core can do.
 */
import { z } from 'zod'
import { pause, ProgramFailed } from './children.ts'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context } from './context.ts'
import { Holder } from './holder.ts'
import { residentBytes, settledBytes } from './resident.ts'
import type { CaseResult } from './results.ts'
import { Servers } from './servers.ts'
import type { Running } from './servers.ts'

const ROUNDS = 5
const SECONDS = 3
const WARM_UP_SECONDS = 1
const CONNECTIONS = 16
const RATE = 2000
const SILENT_READERS = 1000
const FLOOD_BODY_BYTES = 16_384
const FRAME_BYTES_MAX = 65_536
/** By then all are stuck, and the worker is busy with them no more. */
const STUCK_MS = 8000
const MEGABYTE = 1024 * 1024
const BUDGET_BYTES = 256 * MEGABYTE
/** Of each, so much may be unsent: a thousand of them are within the budget, or four times as much. */
const UNSENT_BYTES_SMALL = 128 * 1024
const UNSENT_BYTES_LARGE = MEGABYTE
/** Half as good is twice as late. */
const GOAL = 0.5
const WITH = `with ${SILENT_READERS} that do not read`
const WITHOUT = 'without'

const pacedSchema = z.object({ seen: z.object({ p99: z.number() }) })

interface Scene {
  readonly name: string
  /** How long who does not read is kept. */
  readonly keptMs: number
  readonly unsentBytes: number
  readonly note: string
}

const SCENES: readonly Scene[] = [
  {
    name: 'stuck',
    keptMs: 600_000,
    unsentBytes: UNSENT_BYTES_SMALL,
    note: 'all of them stuck since before it was measured',
  },
  {
    name: 'closing',
    // The default: so long after they got stuck, which takes a second or two.
    keptMs: 10_000,
    unsentBytes: UNSENT_BYTES_SMALL,
    note: 'all of them stuck, and closed as slow consumers while it is measured',
  },
  {
    name: 'beyond-budget',
    keptMs: 600_000,
    unsentBytes: UNSENT_BYTES_LARGE,
    note: 'more than the budget has room for: the largest holders were closed, and the others are stuck',
  },
]

export const slowReaderCases: readonly Case[] = SCENES.map((scene) => {
  return { group: 'slow-readers', name: `echo-p99-${scene.name}`, run: (context) => runScene(context, scene) }
})

async function runScene(context: Context, scene: Scene): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const servers = new Servers(children, toolchain, { isPinned: true })
  const settings = {
    MAX_BUFFER_BYTES: `${BUDGET_BYTES}`,
    MAX_FRAME_BYTES: `${FRAME_BYTES_MAX}`,
    WRITE_BUFFER_BYTES: `${scene.unsentBytes}`,
    SLOW_CONSUMER_MS: `${scene.keptMs}`,
    WRITE_TIMEOUT_MS: `${scene.keptMs}`,
  }
  const contestants = [servers.daemon(WITH, 1, settings), servers.daemon(WITHOUT, 1, settings)]
  const [grown, lost]: [number[], string[]] = [[], []]
  const pace = async (running: Running): Promise<number> => {
    const load = await toolchain.load('pace')
    const args = [running.port, CONNECTIONS, RATE, 0, WARM_UP_SECONDS, options.seconds ?? SECONDS].map(String)
    const line = await children.run('load', toolchain.pinned('load', [load, '127.0.0.1', ...args]))
    return pacedSchema.parse(JSON.parse(line)).seen.p99
  }
  const rounds = await inRounds(options.rounds ?? ROUNDS, contestants, progress, async (contestant) => {
    const running = await contestant.start()
    try {
      if (contestant.name === WITHOUT) return await pace(running)
      const before = await settledBytes(running.pids)
      const holder = new Holder(children, await toolchain.load('hold'), running.port)
      try {
        const { open } = await holder.open(SILENT_READERS)
        if (open !== SILENT_READERS) throw new ProgramFailed('hold', null, `kept ${open} of ${SILENT_READERS}`)
        await holder.flood(FLOOD_BODY_BYTES)
        await pause(STUCK_MS)
        const most = residentBytes(running.pids)
        const early = (await holder.count()).lost
        const p99 = await pace(running)
        grown.push((Math.max(most, residentBytes(running.pids)) - before) / MEGABYTE)
        lost.push(`${early} and ${(await holder.count()).lost - early}`)
        return p99
      } finally {
        await holder.stop()
      }
    } finally {
      await running.stop()
    }
  })
  const notes = [
    `${RATE} echoes of 64 B a second over ${CONNECTIONS} connections; ${scene.note}`,
    `the worker grew by ${grown.map((each) => each.toFixed(0)).join(', ')} MB, its budget of buffers is ` +
      `${BUDGET_BYTES / MEGABYTE} MB; closed before and while it was measured: ${lost.join(', ')}`,
  ]
  const shape = { group: 'slow-readers', name: `echo-p99-${scene.name}`, unit: 'us to the 99th percentile' } as const
  return caseResult({ ...shape, better: 'lower', ratios: [[WITH, WITHOUT, GOAL]], notes }, rounds)
}
