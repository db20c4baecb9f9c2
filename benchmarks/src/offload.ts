/**
 * Owns the case of a pool that is saturated: how long inline echoes take beside it, and without it.
 * Must not know: how servers are started, how results are printed.
 * Invariant: the rate of echoes is fixed whatever the server does, so that a server that stalls shows it, and their
 * latency is the server's: until the kernel has the answer. With a thread that is never idle on the server's core,
 * the system moves all else that wants one to the core of the load, and what the load sees is how late it is itself.
 * Loop and threads share one core: where they have two, they meet less.
 */
import { z } from 'zod'
import { ProgramFailed } from './children.ts'
import { caseResult, inRounds } from './context.ts'
import type { Case, Context } from './context.ts'
import type { CaseResult } from './results.ts'
import { Servers } from './servers.ts'
import type { Contestant } from './servers.ts'

const ROUNDS = 5
const SECONDS = 3
const WARM_UP_SECONDS = 1
const CONNECTIONS = 16
/** Digests in flight: more than there are threads, so that each ends into the next. */
const DIGESTS = 8
/** Half as good is twice as late. */
const GOAL = 0.5

const latencySchema = z.object({ p99: z.number() })
const pacedSchema = z.object({
  server: latencySchema,
  seen: latencySchema,
  late: latencySchema,
  digests: z.number(),
  seconds: z.number(),
})

const RATES = [2000, 20_000]

export const offloadCases: readonly Case[] = RATES.map((rate) => {
  const name = `echo-p99-${rate}`
  return { group: 'offload', name, run: (context) => runPaced(context, name, rate) }
})

async function runPaced(context: Context, name: string, rate: number): Promise<CaseResult> {
  const { children, toolchain, options, progress } = context
  const servers = new Servers(children, toolchain, { isPinned: true })
  const contestants = [servers.daemon('saturated', 1, { OFFLOAD_THREADS: '1' }), servers.daemon('without', 1)]
  const digestRates: number[] = []
  const byLoad: string[] = []
  const measure = async (contestant: Contestant): Promise<number> => {
    const load = await toolchain.load('pace')
    const running = await contestant.start()
    const digestsInFlight = contestant.name === 'saturated' ? DIGESTS : 0
    const seconds = options.seconds ?? SECONDS
    const args = [running.port, CONNECTIONS, rate, digestsInFlight, WARM_UP_SECONDS, seconds].map(String)
    try {
      const line = await children.run('load', toolchain.pinned('load', [load, '127.0.0.1', ...args]))
      const paced = pacedSchema.parse(JSON.parse(line))
      if (digestsInFlight > 0 && paced.digests === 0) throw new ProgramFailed('load', null, 'not one digest came back')
      if (digestsInFlight > 0) digestRates.push(paced.digests / paced.seconds)
      byLoad.push(`${contestant.name} ${paced.seen.p99} (${paced.late.p99})`)
      return paced.server.p99
    } finally {
      await running.stop()
    }
  }
  const rounds = await inRounds(options.rounds ?? ROUNDS, contestants, progress, measure)
  const digests = digestRates.map((each) => each.toFixed(0)).join(', ')
  return caseResult(
    {
      group: 'offload',
      name,
      unit: 'us to the 99th percentile',
      better: 'lower',
      ratios: [['saturated', 'without', GOAL]],
      notes: [
        `${rate} echoes of 64 B a second over ${CONNECTIONS} connections; saturated: ${DIGESTS} digests in flight, ` +
          `one thread, on the same core (digests a second: ${digests})`,
        `p99 as the load saw it, and of that how late it was to send: ${byLoad.join(', ')}`,
      ],
    },
    rounds,
  )
}
