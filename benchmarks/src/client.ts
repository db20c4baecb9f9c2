/**
 * Owns the cases of clients: requests a second of one process, our connections and our client with its pool against the
 * client that one writes in an afternoon.
 * Must not know: how servers are started, how results are printed.
 * Invariant: all ask the same daemon, one worker on a core of its own, in the same round, each as a new process.
 */
import { join } from 'node:path'
import process from 'node:process'
import { z } from 'zod'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context } from './context.ts'
import type { CaseResult } from './results.ts'
import { Servers } from './servers.ts'

const ROUNDS = 5
const SECONDS = 3
const WARM_UP_SECONDS = 1
const MAIN = join(import.meta.dirname, 'client/main.ts')
const US_PER_S = 1_000_000

interface Shape {
  readonly connections: number
  readonly depth: number
  readonly bodyBytes: number
  readonly goal?: number
}

const SHAPES: readonly Shape[] = [
  { connections: 1, depth: 1, bodyBytes: 64 },
  { connections: 1, depth: 16, bodyBytes: 64 },
  { connections: 16, depth: 16, bodyBytes: 64, goal: 5 },
  { connections: 16, depth: 16, bodyBytes: 1024 },
]

const answeredSchema = z.object({ answers: z.number(), seconds: z.number(), cpuSeconds: z.number() })

export const clientCases: readonly Case[] = SHAPES.map((shape) => {
  const { connections, depth, bodyBytes } = shape
  const name = `request-${bodyBytes}B-x${connections}${depth === 1 ? '' : `-deep${depth}`}`
  return { group: 'client', name, run: (context) => runRequests(context, name, shape) }
})

async function runRequests(context: Context, name: string, shape: Shape): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const daemon = new Servers(children, toolchain, { isPinned: true }).daemon('shardwire', 1)
  const contestants = [{ name: 'shardwire' }, { name: 'createClient' }, { name: 'naive' }]
  const cpu = new Map<string, number[]>(contestants.map((one) => [one.name, []]))
  const measure = async (contestant: { readonly name: string }): Promise<number> => {
    const running = await daemon.start()
    const { connections, depth, bodyBytes } = shape
    const numbers = [running.port, connections, depth, bodyBytes, WARM_UP_SECONDS, options.seconds ?? SECONDS]
    const command = [process.execPath, MAIN, contestant.name, ...numbers.map(String)]
    try {
      const line = await children.run('client', toolchain.pinned('load', command))
      const { answers, seconds, cpuSeconds } = answeredSchema.parse(JSON.parse(line))
      cpu.get(contestant.name)?.push((cpuSeconds * US_PER_S) / answers)
      return answers / seconds
    } finally {
      await running.stop()
    }
  }
  const rounds = await inRounds(options.rounds ?? ROUNDS, contestants, progress, measure)
  const { goal } = shape
  return caseResult(
    {
      group: 'client',
      name,
      unit: 'requests/s',
      better: 'higher',
      ratios: [goal === undefined ? ['shardwire', 'naive'] : ['shardwire', 'naive', goal], ['createClient', 'naive']],
      notes: [...cpu].map(([of, each]) => `${of}: ${each.map((us) => us.toFixed(2)).join(', ')} us of CPU a request`),
    },
    rounds,
  )
}
