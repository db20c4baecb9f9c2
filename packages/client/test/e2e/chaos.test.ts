/** The client's chaos test, a short run; the long one is `npm run client-chaos`. */
import { hasProc, testSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { runChaos } from '../chaos/run-chaos.ts'

describe.skipIf(!hasProc)(
  'a network that lies, workers that die, a daemon that comes and goes, DNS that is dead',
  () => {
    it('each request ends once, in time, with its own answer or a typed error', { timeout: 120_000 }, async () => {
      const { seed } = testSeed('client-chaos')
      const { load, retries, unresolved } = await runChaos({ seed, goesOn: (rounds) => rounds < 1 })
      expect(load.violations).toEqual([])
      expect(load.answered).toBeGreaterThan(500)
      expect(retries).toBeGreaterThan(0)
      expect(unresolved).toBeGreaterThan(0)
    })
  },
)
