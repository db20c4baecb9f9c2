import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { Watchdog } from '../../src/primary/watchdog.ts'

const LOOK_MS = 100
const worker = { slot: 0 }

/** Whose wall clock can be set. */
class SetClock extends FakeClock {
  wallOffsetMs = 0

  override wallMs(): number {
    return super.wallMs() + this.wallOffsetMs
  }
}

function looksFor(watchdog: Watchdog<typeof worker>, clock: SetClock, ms: number): void {
  for (let passed = 0; passed < ms; passed += LOOK_MS) {
    clock.advance(LOOK_MS)
    watchdog.look([worker])
  }
}

describe('silence of a worker', () => {
  it('is the time since it was last heard of', () => {
    const clock = new SetClock()
    const watchdog = new Watchdog<typeof worker>(clock)
    looksFor(watchdog, clock, 3000)
    expect(watchdog.silentMs(worker)).toBe(3000)
    watchdog.heard(worker)
    expect(watchdog.silentMs(worker)).toBe(0)
    looksFor(watchdog, clock, 700)
    expect(watchdog.silentMs(worker)).toBe(700)
  })

  it('is not held against what began after the last sign of life, and until the next was due', () => {
    const clock = new SetClock()
    const watchdog = new Watchdog<typeof worker>(clock)
    watchdog.heard(worker)
    // What it began 900 ms later has taken 1.9 s then.
    looksFor(watchdog, clock, 2800)
    expect(watchdog.isStuck(worker, 2000)).toBe(false)
    looksFor(watchdog, clock, 200)
    expect(watchdog.isStuck(worker, 2000)).toBe(true)
  })

  it('of a worker that just started begins at its first look', () => {
    const clock = new SetClock()
    const watchdog = new Watchdog<typeof worker>(clock)
    clock.advance(60_000)
    watchdog.look([])
    looksFor(watchdog, clock, 200)
    expect(watchdog.silentMs(worker)).toBe(200)
  })

  it('does not grow while this process was stopped, or a virtual machine was paused: both clocks jump', () => {
    const clock = new SetClock()
    const watchdog = new Watchdog<typeof worker>(clock)
    looksFor(watchdog, clock, 1000)
    clock.advance(3_600_000)
    watchdog.look([worker])
    expect(watchdog.silentMs(worker)).toBe(1500)
  })

  it('begins anew when the machine slept: the wall clock went on, the other did not', () => {
    const clock = new SetClock()
    const watchdog = new Watchdog<typeof worker>(clock)
    looksFor(watchdog, clock, 1900)
    clock.wallOffsetMs += 3_600_000
    watchdog.look([worker])
    expect(watchdog.silentMs(worker)).toBe(0)
  })

  it('goes on when the wall clock is set back, or by a little', () => {
    const clock = new SetClock()
    const watchdog = new Watchdog<typeof worker>(clock)
    looksFor(watchdog, clock, 1900)
    clock.wallOffsetMs -= 3_600_000
    looksFor(watchdog, clock, 100)
    clock.wallOffsetMs += 500
    looksFor(watchdog, clock, 100)
    expect(watchdog.silentMs(worker)).toBe(2100)
  })
})
