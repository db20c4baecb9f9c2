import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { type Reporting, Seconds } from '../../src/primary/seconds.ts'

interface Scene {
  readonly clock: FakeClock
  readonly seconds: Seconds
  readonly workers: Reporting[]
  readonly passed: () => number
  readonly stop: () => void
}

function start(count: number): Scene {
  const clock = new FakeClock()
  const workers: Reporting[] = Array.from({ length: count }, () => ({ ready: true, isLeaving: false }))
  const seconds = new Seconds(clock, () => workers)
  let passed = 0
  const stop = seconds.listen(() => passed++)
  return { clock, seconds, workers, passed: () => passed, stop }
}

describe('a second of the daemon', () => {
  it('begins when each worker has reported once more, however often one did', () => {
    const { seconds, workers, passed } = start(2)
    const [one, other] = workers as [Reporting, Reporting]
    seconds.reported(one)
    seconds.reported(one)
    expect(passed()).toBe(0)
    seconds.reported(other)
    expect(passed()).toBe(1)
    seconds.reported(other)
    seconds.reported(one)
    expect(passed()).toBe(2)
  })

  it('does not wait for those that start or leave', () => {
    const { seconds, workers, passed } = start(1)
    workers.push({ ready: false, isLeaving: false }, { ready: true, isLeaving: true })
    seconds.reported(workers[0] as Reporting)
    expect(passed()).toBe(1)
  })

  it('waits a second and a half for one that is late, and no longer', () => {
    const { clock, seconds, workers, passed } = start(2)
    seconds.reported(workers[0] as Reporting)
    clock.advance(1400)
    expect(passed()).toBe(0)
    clock.advance(350)
    expect(passed()).toBe(1)
    clock.advance(1750)
    expect(passed()).toBe(2)
  })

  it('is not looked for while nobody wants to know', () => {
    const { clock, seconds, workers, passed, stop } = start(1)
    stop()
    expect(clock.pendingTimers).toBe(0)
    seconds.reported(workers[0] as Reporting)
    expect(passed()).toBe(0)
  })
})
