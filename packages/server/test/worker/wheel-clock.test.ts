import { CallCounter, nextTurn } from '@shardwire/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { Deadline } from '../../src/worker/deadline.ts'
import { WheelClock } from '../../src/worker/wheel-clock.ts'
import { HeldClock } from './fake-shard.ts'

const TICK_MS = 20

class Waiting extends Deadline {
  readonly expiries = new CallCounter<[number]>()
  override expired(nowMs: number): void {
    this.expiries.call(nowMs)
  }
}

let clock: HeldClock
let wheel: WheelClock
let entry: Waiting
beforeEach(() => {
  clock = new HeldClock()
  wheel = new WheelClock({ clock, tickMs: TICK_MS, slots: 64 })
  entry = new Waiting()
})

describe('ticking', () => {
  it('begins with the first deadline and ends with the last, expired or cancelled', () => {
    expect(clock.pendingTimers).toBe(0)
    const other = new Waiting()
    wheel.schedule(entry, clock.nowMs() + 50)
    wheel.schedule(other, clock.nowMs() + 500)
    expect(clock.pendingTimers).toBe(1)
    clock.advance(100)
    expect([entry.expiries.count, clock.pendingTimers]).toEqual([1, 1])
    wheel.cancel(other)
    clock.advance(TICK_MS)
    expect(clock.pendingTimers).toBe(0)
  })

  it('goes on while what expires schedules itself anew', () => {
    const again = new (class extends Waiting {
      override expired(nowMs: number): void {
        super.expired(nowMs)
        if (this.expiries.count < 3) wheel.schedule(this, nowMs + 100)
      }
    })()
    wheel.schedule(again, clock.nowMs() + 100)
    clock.advance(1000)
    expect([again.expiries.count, clock.pendingTimers]).toEqual([3, 0])
  })

  it('after a long rest without a tick the next deadline is neither early nor late', () => {
    wheel.schedule(entry, clock.nowMs() + 50)
    clock.advance(100)
    clock.advance(60_000)
    expect(clock.pendingTimers).toBe(0)
    wheel.schedule(entry, clock.nowMs() + 50)
    clock.advance(49)
    expect(entry.expiries.count).toBe(1)
    clock.advance(TICK_MS + 1)
    expect(entry.expiries.count).toBe(2)
  })
})

describe('the time', () => {
  it('is that of the last tick while it ticks, and the real one while it does not', () => {
    clock.advance(7)
    expect(wheel.nowMs).toBe(clock.nowMs())
    wheel.schedule(entry, clock.nowMs() + 500)
    const begun = clock.nowMs()
    clock.advance(TICK_MS - 1)
    expect(wheel.nowMs).toBe(begun)
    clock.advance(1)
    expect(wheel.nowMs).toBe(begun + TICK_MS)
  })

  it('a deadline that was moved expires at its last moment only', () => {
    wheel.schedule(entry, clock.nowMs() + 50)
    wheel.schedule(entry, clock.nowMs() + 200)
    clock.advance(100)
    expect(entry.expiries.count).toBe(0)
    clock.advance(100 + TICK_MS)
    expect(entry.expiries.count).toBe(1)
    expect(wheel.dueMs(entry)).toBeUndefined()
  })
})

describe('a tick that comes late', () => {
  it('lets the loop read first: what came meanwhile moves its deadline before anyone is judged', async () => {
    wheel.schedule(entry, clock.nowMs() + 100)
    clock.hold(5000)
    clock.advance(TICK_MS)
    expect(entry.expiries.count).toBe(0)
    // A read of this turn of the loop.
    wheel.schedule(entry, wheel.nowMs + 100)
    await nextTurn()
    expect(entry.expiries.count).toBe(0)
  })

  it('judges after that with the new time, and tells it to whoever reads in between', async () => {
    wheel.schedule(entry, clock.nowMs() + 100)
    clock.hold(5000)
    clock.advance(TICK_MS)
    expect(wheel.nowMs).toBe(clock.nowMs())
    await nextTurn()
    expect(entry.expiries.calls).toEqual([[clock.nowMs()]])
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not wait when it is a few ticks late only', () => {
    wheel.schedule(entry, clock.nowMs() + 30)
    clock.hold(3 * TICK_MS)
    clock.advance(TICK_MS)
    expect(entry.expiries.count).toBe(1)
  })
})
