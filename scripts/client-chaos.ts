/**
 * Owns the long run of the client's chaos test (packages/client/test/chaos): for as many minutes as asked.
 * Must not know: what is done to daemon and network, or what is expected of the client.
 * Invariant: the seed is printed first, and a failure ends with exit code 1 and all that was wrong.
 *
 *     npm run client-chaos -- --minutes 30 --seed 1
 */
import { runChaos } from '../packages/client/test/chaos/run-chaos.ts'
import { readLongRun, say } from './long-run.ts'

/** Rounds after which clients and daemon are judged, and followed by fresh ones with the next seed. */
const ROUNDS_PER_SEED = 5

const run = readLongRun('client-chaos', process.argv.slice(2))
for (let seed = run.seed; run.goesOn(); seed = (seed + 1) >>> 0) {
  say(`seed ${seed}`)
  const { rounds, retries, load } = await runChaos({
    seed,
    goesOn: (count) => count < ROUNDS_PER_SEED && run.goesOn(),
    onRound: (events, told) => say(`${events.join(' ')}: ${told}`),
  })
  say(`seed ${seed} passed: ${rounds} rounds, ${load.answered} answered, ${load.failed} failed, ${retries} retries`)
}
say('passed')
