/**
 * Owns the cases of resident memory: by idle connection, with connections stuck in the middle of a frame, and after all
 * have gone, several times over.
 * Must not know: how servers keep their connections.
 * Invariant: what is reported is VmRSS of the processes that serve connections, the primary not among them; growth is
 * counted from what the same process had before its first connection.
 */
import { ProgramFailed } from './children.ts'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context, Missing } from './context.ts'
import { descriptorLimit } from './environment.ts'
import { Holder } from './holder.ts'
import type { CaseResult } from './results.ts'
import { openDescriptors, residentBytes, settledBytes, within } from './resident.ts'
import { Servers } from './servers.ts'
import type { Contestant, Running } from './servers.ts'

const ROUNDS = 3
const CONNECTIONS = 15_000
/** Descriptors that a process has open besides its connections, with much to spare. */
const DESCRIPTORS_SPARE = 1000
const HEARTBEAT_MS = 2000
const WAIT_MS = 20_000
const KILOBYTE = 1024
const MEGABYTE = 1024 * KILOBYTE

/** Heartbeats on, and come by while we measure; frames may stay cut; half of the descriptors may wait at once. */
const SETTINGS = { HEARTBEAT_MS: `${HEARTBEAT_MS}`, FRAME_TIMEOUT_MS: '600000' }
const IDLE_KILOBYTES_MAX = 3.9

/** Of each stuck connection: 3000 bytes of a frame of 8 KB have come. */
const CUT_BODY_BYTES = 8192
const CUT_BYTES = 3000
const BOUND_SMALL_BYTES = 8 * MEGABYTE
const BOUND_LARGE_BYTES = 1024 * MEGABYTE

export const memoryCases: readonly Case[] = [
  { group: 'memory', name: 'idle', run: runIdle },
  { group: 'memory', name: 'cut-frames', run: runCut },
  { group: 'memory', name: 'open-close-cycles', run: runCycles },
]

function connectionsFor({ options }: Context): number {
  const possible = (descriptorLimit() ?? CONNECTIONS) - DESCRIPTORS_SPARE
  return Math.max(1, Math.min(options.connections ?? CONNECTIONS, possible))
}

interface Held {
  readonly running: Running
  readonly holder: Holder
  readonly beforeBytes: number
  readonly beforeDescriptors: number
}

/** Starts a contestant and lets `work` hold connections on it. */
async function holding(
  context: Context,
  contestant: Contestant,
  work: (held: Held) => Promise<number>,
): Promise<number> {
  const program = await context.toolchain.load('hold')
  const running = await contestant.start()
  try {
    const beforeBytes = await settledBytes(running.pids)
    const beforeDescriptors = openDescriptors(running.pids)
    const holder = new Holder(context.children, program, running.port)
    try {
      return await work({ running, holder, beforeBytes, beforeDescriptors })
    } finally {
      await holder.stop()
    }
  } finally {
    await running.stop()
  }
}

async function openAll({ holder }: Held, count: number, hasHeartbeat: boolean): Promise<void> {
  const held = await holder.open(count)
  if (held.open !== count) throw new ProgramFailed('hold', null, `kept ${held.open} of ${count} connections`)
  if (!hasHeartbeat) return
  const pinged = await within(WAIT_MS, async () => (await holder.count()).pings - held.pings >= count)
  if (!pinged) throw new ProgramFailed('hold', null, `saw fewer PINGs than connections in ${WAIT_MS} ms`)
}

/** Closes all, and waits until the server has done so, too. @returns resident bytes then */
async function closeAll({ holder, running, beforeDescriptors }: Held): Promise<number> {
  await holder.close()
  await within(WAIT_MS, () => openDescriptors(running.pids) <= beforeDescriptors)
  return await settledBytes(running.pids)
}

async function runIdle(context: Context): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const servers = new Servers(children, toolchain, { isPinned: false })
  const count = connectionsFor(context)
  const contestants = [
    { ...servers.daemon('shardwire', 1, SETTINGS), hasHeartbeat: true },
    { ...servers.daemon('on documented sockets', 1, { ...SETTINGS, TRANSPORT: 'socket' }), hasHeartbeat: true },
    { ...servers.plainNode(), hasHeartbeat: false },
    { ...servers.goNet(2), hasHeartbeat: false },
  ]
  const rounds = await inRounds(options.rounds ?? ROUNDS, contestants, progress, async (contestant) => {
    return await holding(context, contestant, async (held) => {
      await openAll(held, count, contestant.hasHeartbeat)
      return ((await settledBytes(held.running.pids)) - held.beforeBytes) / count / KILOBYTE
    })
  })
  const ratios = [
    ['shardwire', 'on documented sockets'],
    ['shardwire', 'plain-node'],
    ['shardwire', 'go-net'],
  ] as const
  const notes = [
    `${count} connections, each has had one echo; the daemons have had a PONG from each, every ${HEARTBEAT_MS} ms`,
    'the peers have no heartbeat',
  ]
  const goals = { shardwire: IDLE_KILOBYTES_MAX }
  const shape = { group: 'memory', name: 'idle', unit: 'KB a connection', better: 'lower' } as const
  return caseResult({ ...shape, ratios, goals, notes }, rounds)
}

async function runCut(context: Context): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const servers = new Servers(children, toolchain, { isPinned: false })
  const count = connectionsFor(context)
  const samples = new Map<string, number[]>()
  const missing: Missing[] = []
  const notes = [`${count} connections, of each ${CUT_BYTES} bytes of a frame of ${CUT_BODY_BYTES} have come`]
  for (const bound of [BOUND_SMALL_BYTES, BOUND_LARGE_BYTES]) {
    const label = `bound ${bound / MEGABYTE} MB`
    const daemon = servers.daemon(label, 1, { ...SETTINGS, HEARTBEAT_MS: '0', MAX_BUFFER_BYTES: `${bound}` })
    const [stuck, gone, lost]: [number[], number[], number[]] = [[], [], []]
    const rounds = await inRounds(options.rounds ?? ROUNDS, [daemon], progress, async (contestant) => {
      return await holding(context, contestant, async (held) => {
        await openAll(held, count, false)
        const openBytes = await settledBytes(held.running.pids)
        await held.holder.cut(CUT_BODY_BYTES, CUT_BYTES)
        stuck.push(((await settledBytes(held.running.pids)) - openBytes) / MEGABYTE)
        lost.push((await held.holder.count()).lost)
        gone.push(((await closeAll(held)) - held.beforeBytes) / MEGABYTE)
        return 0
      })
    })
    missing.push(...rounds.missing)
    if (rounds.missing.length > 0) continue
    samples.set(`${label}: stuck, above idle`, stuck).set(`${label}: all gone, above start`, gone)
    notes.push(`${label}: the daemon closed ${lost.join(', ')} of them to stay below it`)
  }
  const shape = { group: 'memory', name: 'cut-frames', unit: 'MB', better: 'lower', ratios: [] } as const
  return caseResult({ ...shape, notes }, { samples, missing })
}

const CYCLES = 4

async function runCycles(context: Context): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const servers = new Servers(children, toolchain, { isPinned: false })
  const count = connectionsFor(context)
  const daemon = servers.daemon('shardwire', 1, SETTINGS)
  const samples = new Map<string, number[]>()
  const put = (name: string, bytes: number): void => {
    samples.set(name, [...(samples.get(name) ?? []), bytes / MEGABYTE])
  }
  const { missing } = await inRounds(options.rounds ?? ROUNDS, [daemon], progress, async (contestant) => {
    return await holding(context, contestant, async (held) => {
      put('before the first', held.beforeBytes)
      for (let cycle = 1; cycle <= CYCLES; cycle++) {
        progress(`cycle ${cycle} of ${CYCLES}`)
        await openAll(held, count, true)
        put(`cycle ${cycle}: open`, residentBytes(held.running.pids))
        put(`cycle ${cycle}: all gone`, await closeAll(held))
      }
      return 0
    })
  })
  const notes = [`VmRSS of the worker; ${count} connections opened and closed again, ${CYCLES} times in one process`]
  const shape = { group: 'memory', name: 'open-close-cycles', unit: 'MB', better: 'lower', ratios: [] } as const
  return caseResult({ ...shape, notes }, { samples: missing.length > 0 ? new Map() : samples, missing })
}
