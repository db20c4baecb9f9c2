import { FakeClock } from '@shardwire/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { ANSWER_MS_MAX, type Holder, SILENCE_MS_MAX, SlotHolders } from '../../src/primary/slot-holders.ts'

class FakeHolder implements Holder {
  readonly slot: number
  /** What it was asked, in order: `+1` is to accept from slot 1, `-1` to leave it. */
  asked: string[] = []

  constructor(slot: number) {
    this.slot = slot
  }
  listen(slot: number): void {
    this.asked.push(`+${slot}`)
  }
  unlisten(slot: number): void {
    this.asked.push(`-${slot}`)
  }
  /** What it was asked since the last call. */
  takeAsked(): string[] {
    return this.asked.splice(0)
  }
}

let clock: FakeClock
let holders: SlotHolders
let workers: FakeHolder[]
beforeEach(() => {
  clock = new FakeClock()
  holders = new SlotHolders(clock, 3)
  workers = [0, 1, 2].map((slot) => new FakeHolder(slot))
})

/** All three are ready and accept from their own slots alone. */
function begin(): void {
  for (const worker of workers) holders.workerReady(worker)
  for (const worker of workers) holders.listening(worker, worker.slot)
  for (const worker of workers) {
    // The first to be ready stood in for the others.
    for (const asked of worker.takeAsked())
      if (asked.startsWith('-')) holders.unlistened(worker, Number(asked.slice(1)))
  }
}

function worker(slot: number): FakeHolder {
  const found = workers[slot]
  if (found === undefined) throw new RangeError(`no worker ${slot}`)
  return found
}

describe('a slot', () => {
  it('is its own worker’s, and all are served once each has said so', () => {
    for (const each of workers) holders.workerReady(each)
    expect(holders.isServed).toBe(false)
    for (const each of workers) holders.listening(each, each.slot)
    expect(holders.isServed).toBe(true)
    expect(worker(2).asked).toEqual(['+2'])
  })

  it('whose worker died is the next one’s, until the new worker has said that it accepts', () => {
    begin()
    holders.workerGone(worker(1))
    expect(workers.map((each) => each.takeAsked())).toEqual([[], [], ['+1']])
    holders.listening(worker(2), 1)
    const fresh = new FakeHolder(1)
    holders.workerReady(fresh)
    expect([fresh.takeAsked(), worker(2).takeAsked()]).toEqual([['+1'], []])
    holders.listening(fresh, 1)
    expect([fresh.takeAsked(), worker(2).takeAsked()]).toEqual([[], ['-1']])
  })

  it('whose stand-in dies too is another one’s', () => {
    begin()
    holders.workerGone(worker(1))
    holders.workerGone(worker(2))
    expect(worker(0).takeAsked().toSorted()).toEqual(['+1', '+2'])
  })

  it('whose last worker died is the first that comes', () => {
    begin()
    for (const each of workers) holders.workerGone(each)
    const fresh = new FakeHolder(2)
    holders.workerReady(fresh)
    expect(fresh.takeAsked().toSorted()).toEqual(['+0', '+1', '+2'])
  })

  it('whose worker is silent is another one’s as well, until it is heard again', () => {
    begin()
    clock.advance(SILENCE_MS_MAX)
    for (const each of [worker(0), worker(2)]) holders.heard(each)
    holders.sweep()
    expect(workers.map((each) => each.takeAsked())).toEqual([[], [], ['+1']])
    holders.heard(worker(1))
    holders.sweep()
    expect(workers.map((each) => each.takeAsked())).toEqual([[], [], ['-1']])
  })

  it('is asked for again when no answer comes', () => {
    holders.workerReady(worker(0))
    worker(0).takeAsked()
    clock.advance(ANSWER_MS_MAX)
    holders.heard(worker(0))
    holders.sweep()
    expect(worker(0).takeAsked()).toContain('+0')
    holders.listening(worker(0), 0)
    clock.advance(ANSWER_MS_MAX)
    holders.sweep()
    expect(worker(0).takeAsked()).not.toContain('+0')
  })
})

describe('stopping', () => {
  it('is done when every worker has left every slot, or is gone; nobody is asked again', async () => {
    begin()
    holders.workerGone(worker(1))
    let isDone = false
    const stopped = holders.stop().then(() => {
      isDone = true
    })
    expect(workers.map((each) => each.takeAsked())).toEqual([['-0'], [], ['+1', '-1', '-2']])
    holders.unlistened(worker(0), 0)
    holders.unlistened(worker(2), 1)
    await Promise.resolve()
    expect(isDone).toBe(false)
    holders.workerGone(worker(2))
    await stopped
    clock.advance(2 * ANSWER_MS_MAX)
    holders.sweep()
    holders.workerReady(new FakeHolder(1))
    expect(workers.map((each) => each.takeAsked())).toEqual([[], [], []])
  })
})
