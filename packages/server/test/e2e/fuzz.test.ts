/** The fuzzer's short run; the long one is `npm run fuzz`. */
import { testSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { runFuzz } from '../fuzz/run-fuzz.ts'

const STREAMS = 400

describe('raw bytes against a live listener', () => {
  const rule = 'end each connection as the oracle says, harm no neighbour, and leave nothing behind'
  it.each([true, false])(`${rule}; lent memory watched: %s`, async (debugViews) => {
    const { seed } = testSeed('fuzz')
    const report = await runFuzz({ seed, debugViews, goesOn: (streams) => streams < STREAMS })
    expect(report.streams).toBeGreaterThanOrEqual(STREAMS)
    expect(report.neighbourEchoes).toBeGreaterThan(100)
    // The streams are worth their time: they end in many ways.
    const names = ['BAD_FRAME', 'BAD_CRC', 'FRAME_TOO_LARGE', 'TRUNCATED', 'PEER_ENDED']
    expect(Object.keys(report.closes)).toEqual(expect.arrayContaining(names))
  })
})
