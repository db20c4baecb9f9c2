/**
 * Owns the long run of the chaos test (packages/server/test/chaos): for as many minutes as asked, with progress.
 * Must not know: what is done to the daemon, or what is expected of it.
 * Invariant: the seed is printed first, and a failure ends with exit code 1 and all that was wrong.
 *
 *     npm run chaos -- --minutes 30 --seed 1
 */
import { runChaos } from '../packages/server/test/chaos/run-chaos.ts'
import { readLongRun, say } from './long-run.ts'

/** Rounds after which a daemon is stopped, judged, and followed by a fresh one with the next seed. */
const ROUNDS_PER_DAEMON = 10

const run = readLongRun('chaos', process.argv.slice(2))
for (let seed = run.seed; run.goesOn(); seed = (seed + 1) >>> 0) {
  say(`seed ${seed}`)
  const report = await runChaos({
    seed,
    goesOn: (rounds) => rounds < ROUNDS_PER_DAEMON && run.goesOn(),
    onRound: (events, load) => say(`${events.join(' ')}: ${load}`),
  })
  const { rounds, events, killed, reloads, load, closes } = report
  const reloaded = reloads ? 'reloads among them' : 'no reloads: SIGHUP stops this daemon'
  say(`seed ${seed} passed: ${rounds} rounds, ${events} events (${reloaded}), ${killed} workers killed`)
  say(`${load.describe()} closes ${JSON.stringify(closes)}`)
}
say('passed')
