/**
 * Owns the case of connections a second: connect, one echo, close, on all cores.
 * Must not know: how servers are started, how results are printed.
 * Invariant: a connection counts when its echo came back right; one that fails ends the contestant's part.
 */
import { z } from 'zod'
import { ProgramFailed } from './children.ts'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context } from './context.ts'
import type { CaseResult } from './results.ts'
import { Servers } from './servers.ts'
import type { Contestant } from './servers.ts'

const ROUNDS = 3
const SECONDS = 3
const WARM_UP_SECONDS = 1
const WORKERS = 2
const CONCURRENCY = 128

const churnedSchema = z.object({ connections: z.number(), failed: z.number(), seconds: z.number() })

export const acceptCases: readonly Case[] = [{ group: 'accept', name: 'churn', run: runChurn }]

async function runChurn({ children, toolchain, options, progress }: Context): Promise<CaseResult> {
  const servers = new Servers(children, toolchain, { isPinned: false })
  const contestants = [
    servers.daemon('handoff', WORKERS),
    servers.nodeCluster(WORKERS),
    servers.daemonByReuseport('reuseport', WORKERS),
    servers.goNet(WORKERS),
  ]
  const measure = async (contestant: Contestant): Promise<number> => {
    const load = await toolchain.load('churn')
    const running = await contestant.start()
    const args = [running.port, CONCURRENCY, WARM_UP_SECONDS, options.seconds ?? SECONDS].map(String)
    try {
      const line = await children.run('load', [load, '127.0.0.1', ...args])
      const { connections, failed, seconds } = churnedSchema.parse(JSON.parse(line))
      if (failed > 0) throw new ProgramFailed(contestant.name, null, `failed ${failed} of ${connections} connections`)
      return connections / seconds
    } finally {
      await running.stop()
    }
  }
  const rounds = await inRounds(options.rounds ?? ROUNDS, contestants, progress, measure)
  return caseResult(
    {
      group: 'accept',
      name: 'churn',
      unit: 'connections/s',
      better: 'higher',
      ratios: [
        ['handoff', 'node-cluster', 1],
        ['reuseport', 'go-net', 1.2],
        ['handoff', 'go-net'],
      ],
      notes: [`the load runs on the same cores and takes its share; ${CONCURRENCY} connections at any time`],
    },
    rounds,
  )
}
