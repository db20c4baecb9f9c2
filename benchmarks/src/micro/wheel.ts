/**
 * Owns the case of moving a deadline: what every connection does after a read.
 * Must not know: what a deadline is for.
 */
import { TimingWheel, WheelEntry } from '@shardwire/protocol'
import type { MicroCase } from './micro-case.ts'

const ENTRIES = 10_000
const TICK_MS = 20

export const wheelCase: MicroCase = {
  name: 'wheel',
  unit: 'ns',
  ratios: [
    ['wheel', 'timeout.refresh'],
    ['wheel', 'clearTimeout, setTimeout'],
  ],
  notes: [`one of ${ENTRIES} deadlines put off`],
  build: () => {
    const wheel = new TimingWheel({ tickMs: TICK_MS, slots: 512, nowMs: 0 })
    const entries = Array.from({ length: ENTRIES }, () => new WheelEntry())
    const nothing = (): void => undefined
    const unref = (ms: number): NodeJS.Timeout => setTimeout(nothing, ms).unref()
    const [refreshed, renewed] = [entries.map(() => unref(30_000)), entries.map(() => unref(30_000))]
    let lap = 0
    return [
      {
        name: 'wheel',
        operations: ENTRIES,
        run() {
          lap++
          for (let n = 0; n < ENTRIES; n++) wheel.schedule(entries[n] as WheelEntry, ((lap * 37 + n) % 500) * TICK_MS)
          return wheel.size
        },
      },
      {
        name: 'timeout.refresh',
        operations: ENTRIES,
        run() {
          for (const timeout of refreshed) timeout.refresh()
          return refreshed.length
        },
      },
      {
        name: 'clearTimeout, setTimeout',
        operations: ENTRIES,
        run() {
          for (let n = 0; n < ENTRIES; n++) {
            clearTimeout(renewed[n])
            renewed[n] = unref(30_000)
          }
          return renewed.length
        },
      },
    ]
  },
}
