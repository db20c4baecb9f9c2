/** The chaos test's short run; the long one is `npm run chaos`. */
import { hasProc, testSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { runChaos } from '../chaos/run-chaos.ts'

const ROUNDS = 2

describe.skipIf(!hasProc)('workers killed and stalled, a network that lies, no descriptors left', () => {
  it('each request has its own answer or one error, and afterwards all is as before', { timeout: 90_000 }, async () => {
    const { seed } = testSeed('chaos')
    const { load, killed, events } = await runChaos({ seed, goesOn: (rounds) => rounds < ROUNDS })
    expect(load.violations).toEqual([])
    expect(load.counts.answered).toBeGreaterThan(500)
    expect(killed).toBeGreaterThan(0)
    expect(events).toBeGreaterThan(10)
  })
})
