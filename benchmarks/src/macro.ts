/**
 * Owns the cases of echoes: the daemon with one worker and its peers, one core for the server and one for the load.
 * Must not know: how servers are started, how results are printed.
 * Invariant: every contestant gets the same load in the same round, each time as a new process.
 */
import { z } from 'zod'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context } from './context.ts'
import type { CaseResult } from './results.ts'
import { Servers } from './servers.ts'
import type { Contestant } from './servers.ts'

const ROUNDS = 3
const SECONDS = 3
const WARM_UP_SECONDS = 1
/** A load generator as busy as this may be what was measured. */
const LOAD_CPU_MAX = 0.95

type Mode = 'message' | 'request'

interface Shape {
  readonly bodyBytes: number
  readonly size: string
  readonly connections: number
  readonly depth: number
  /** For MESSAGEs, the goal against hand-written Node. */
  readonly plainNodeGoal: number
}

const SHAPES: readonly Shape[] = [
  { size: '64B', bodyBytes: 64, connections: 64, depth: 1, plainNodeGoal: 1.4 },
  { size: '64B', bodyBytes: 64, connections: 64, depth: 16, plainNodeGoal: 13 },
  { size: '1KB', bodyBytes: 1024, connections: 64, depth: 1, plainNodeGoal: 1.25 },
  { size: '4KB', bodyBytes: 4096, connections: 16, depth: 16, plainNodeGoal: 4.5 },
]

const MODES: readonly Mode[] = ['message', 'request']
/** The goal against Go net, the same for all shapes: the answer to a REQUEST has another header. */
const GO_NET_GOAL: Readonly<Record<Mode, number>> = { message: 1, request: 0.95 }

const answeredSchema = z.object({ frames: z.number(), seconds: z.number(), cpuSeconds: z.number() })

export const macroCases: readonly Case[] = MODES.flatMap((mode) => SHAPES.map((shape) => echoCase(mode, shape)))

function echoCase(mode: Mode, shape: Shape): Case {
  const { size, connections, depth } = shape
  const name = `${mode}-${size}-x${connections}${depth === 1 ? '' : `-deep${depth}`}`
  return { group: 'macro', name, run: (context) => runEcho(context, name, mode, shape) }
}

async function runEcho(context: Context, name: string, mode: Mode, shape: Shape): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const servers = new Servers(children, toolchain, { isPinned: true })
  const contestants = [servers.daemon('shardwire', 1), servers.goNet(1), servers.plainNode()]
  if (mode === 'message') contestants.push(servers.cEcho())
  const busy = new Set<string>()
  const measure = async (contestant: Contestant): Promise<number> => {
    const { connections, depth, bodyBytes } = shape
    const load = await toolchain.load('echo')
    const running = await contestant.start()
    const seconds = options.seconds ?? SECONDS
    const args = [running.port, connections, depth, bodyBytes, WARM_UP_SECONDS, seconds, mode].map(String)
    try {
      const line = await children.run('load', toolchain.pinned('load', [load, '127.0.0.1', ...args]))
      const answered = answeredSchema.parse(JSON.parse(line))
      if (answered.cpuSeconds / answered.seconds > LOAD_CPU_MAX) busy.add(contestant.name)
      return answered.frames / answered.seconds
    } finally {
      await running.stop()
    }
  }
  const rounds = await inRounds(options.rounds ?? ROUNDS, contestants, progress, measure)
  return caseResult(
    {
      group: 'macro',
      name,
      unit: 'frames/s',
      better: 'higher',
      ratios: [
        ['shardwire', 'go-net', GO_NET_GOAL[mode]],
        mode === 'message' ? ['shardwire', 'plain-node', shape.plainNodeGoal] : ['shardwire', 'plain-node'],
        ['shardwire', 'c-echo'],
      ],
      notes:
        busy.size === 0
          ? []
          : [`the load was busy all the time, and may be what was measured: ${[...busy].join(', ')}`],
    },
    rounds,
  )
}
