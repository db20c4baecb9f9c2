/**
 * Owns the long run of the fuzzer (packages/server/test/fuzz): for as many minutes as asked, with progress.
 * Must not know: what is sent, or what is expected.
 * Invariant: the seed is printed first, and a failure ends with exit code 1 and all that was wrong.
 *
 *     npm run fuzz -- --minutes 30 --seed 1
 */
import { runFuzz } from '../packages/server/test/fuzz/run-fuzz.ts'
import { readLongRun, say } from './long-run.ts'

/** Streams after which a daemon is stopped, judged, and followed by a fresh one with the next seed. */
const STREAMS_PER_DAEMON = 20_000
const PROGRESS_STREAMS = 2000

const run = readLongRun('fuzz', process.argv.slice(2))
for (let seed = run.seed; run.goesOn(); seed = (seed + 1) >>> 0) {
  say(`seed ${seed}`)
  const goesOn = (streams: number): boolean => {
    if (streams % PROGRESS_STREAMS === 0 && streams > 0) say(`${streams} streams`)
    return streams < STREAMS_PER_DAEMON && run.goesOn()
  }
  const { streams, bytes, neighbourEchoes, closes } = await runFuzz({ seed, debugViews: seed % 2 === 0, goesOn })
  say(`seed ${seed} passed: ${streams} streams, ${bytes} bytes, ${neighbourEchoes} echoes beside them`)
  say(`connections ended as ${JSON.stringify(closes)}`)
}
say('passed')
