import { FakeClock } from '@shardwire/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { DESCRIPTORS_SPARE } from '../../src/descriptors.ts'
import { Handoff, type HandoffOptions } from '../../src/primary/handoff.ts'
import { TICKET_MARGIN_MS, TICKET_MS } from '../../src/primary/handoff-lane.ts'
import { namedRefusals } from '../../src/refusal.ts'
import type { Accepted } from '../../src/transport/accepted.ts'
import { FakeTarget } from './fake-target.ts'

const WINDOW = 2

interface FakeHandle extends Accepted {
  readonly name: string
  closed: number
}

function fakeHandle(name: string): FakeHandle {
  return {
    name,
    closed: 0,
    close(): void {
      this.closed++
    },
  }
}

/** Acknowledges what `target` was given, and what it is given for that, to the end. */
function acknowledgeAll(target: FakeTarget): void {
  for (let at = 0; at < target.tickets.length; at++) handoff.acknowledge(target, target.tickets[at]?.sequence ?? -1)
}

function names(target: FakeTarget): string[] {
  return target.tickets.map(({ handle }) => (handle as FakeHandle).name)
}

/** Sockets that were counted by their address, by the sequence under which they were settled. */
let counted: [number, string][]
let options: Omit<HandoffOptions, 'queueMax' | 'waitMsMax'>
let clock: FakeClock
let handoff: Handoff
let a: FakeTarget
let b: FakeTarget
beforeEach(() => {
  clock = new FakeClock()
  counted = []
  options = {
    clock,
    hasRoom: () => true,
    placement: 'round-robin',
    dismiss: ({ handle }) => handle.close(),
    onCounted: (_, sequence, group) => counted.push([sequence, group]),
  }
  handoff = new Handoff({ ...options, queueMax: 6, waitMsMax: 5000 })
  a = new FakeTarget(0, WINDOW)
  b = new FakeTarget(1, WINDOW)
})

describe('order', () => {
  it('is round-robin in slot order, whatever the order in which workers became ready', () => {
    handoff.addTarget(b)
    handoff.addTarget(a)
    for (const name of ['1', '2', '3', '4']) handoff.offer(fakeHandle(name), 0)
    expect([names(a), names(b)]).toEqual([
      ['1', '3'],
      ['2', '4'],
    ])
  })

  it('keeps sockets that came before any worker was ready, and their order', () => {
    for (const name of ['1', '2', '3']) handoff.offer(fakeHandle(name), 0)
    handoff.addTarget(a)
    acknowledgeAll(a)
    expect(names(a)).toEqual(['1', '2', '3'])
  })

  it('gives a channel no more than its window, and the next only for an answer', () => {
    handoff = new Handoff({ ...options, queueMax: 100, waitMsMax: 5000 })
    handoff.addTarget(a)
    for (let index = 0; index < WINDOW + 2; index++) handoff.offer(fakeHandle(String(index)), 0)
    expect(a.tickets).toHaveLength(WINDOW)
    clock.advance(300)
    handoff.acknowledge(a, 1)
    expect(a.tickets).toHaveLength(WINDOW + 1)
    // Its clock began when it was sent, not when it was accepted.
    expect(a.tickets.at(-1)?.expiresAtMs).toBe(clock.nowMs() + TICKET_MS)
  })

  it('passes over a worker that does not answer, until it answers something', () => {
    handoff.addTarget(a)
    handoff.addTarget(b)
    handoff.offer(fakeHandle('1'), 0)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS)
    handoff.sweep()
    handoff.acknowledge(b, b.lastSequence)
    for (const name of ['2', '3']) handoff.offer(fakeHandle(name), 0)
    expect([names(a), names(b)]).toEqual([['1'], ['1', '2', '3']])
    handoff.acknowledge(a, 1)
    handoff.offer(fakeHandle('4'), 0)
    expect(names(a)).toEqual(['1', '4'])
  })

  it('a worker that stands still loses what waits behind its window too', () => {
    handoff = new Handoff({ ...options, queueMax: 100, waitMsMax: 5000 })
    handoff.addTarget(a)
    for (let index = 0; index < WINDOW + 3; index++) handoff.offer(fakeHandle(String(index)), 0)
    handoff.addTarget(b)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS)
    handoff.sweep()
    acknowledgeAll(b)
    expect(names(b)).toEqual(Array.from({ length: WINDOW + 3 }, (_, index) => String(index)))
  })
})

describe('acknowledgement', () => {
  it('closes the copy of the primary only then', () => {
    handoff.addTarget(a)
    const handle = fakeHandle('1')
    handoff.offer(handle, 3)
    expect(a.tickets[0]).toMatchObject({ listener: 3, expiresAtMs: clock.nowMs() + TICKET_MS })
    expect(handle.closed).toBe(0)
    handoff.acknowledge(a, a.lastSequence)
    expect([handle.closed, handoff.pending, handoff.accepted]).toEqual([1, 0, 1])
  })

  it('that comes twice is answered with disown, not with a second close', () => {
    handoff.addTarget(a)
    const handle = fakeHandle('1')
    handoff.offer(handle, 0)
    handoff.acknowledge(a, 1)
    handoff.acknowledge(a, 1)
    expect([handle.closed, a.disowned]).toEqual([1, [1]])
  })
})

describe('second tries', () => {
  it('a worker that dies: what it did not acknowledge goes to the others, before newer sockets', () => {
    handoff.addTarget(a)
    for (const name of ['1', '2', '3']) handoff.offer(fakeHandle(name), 0)
    handoff.acknowledge(a, 1)
    handoff.removeTarget(a)
    handoff.offer(fakeHandle('4'), 0)
    handoff.addTarget(b)
    acknowledgeAll(b)
    expect(names(b)).toEqual(['2', '3', '4'])
    expect(handoff.offeredAgain).toBe(2)
  })

  it('a ticket without an answer is offered again, but only after the worker itself would refuse it', () => {
    handoff.addTarget(a)
    const handle = fakeHandle('1')
    handoff.offer(handle, 0)
    handoff.addTarget(b)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS - 1)
    handoff.sweep()
    expect(names(b)).toEqual([])
    clock.advance(1)
    handoff.sweep()
    expect(names(b)).toEqual(['1'])
    handoff.acknowledge(a, a.lastSequence)
    expect([a.disowned, handle.closed]).toEqual([[1], 0])
    handoff.acknowledge(b, b.lastSequence)
    expect(handle.closed).toBe(1)
  })

  it('a refused ticket goes to the next worker', () => {
    handoff.addTarget(a)
    handoff.addTarget(b)
    handoff.offer(fakeHandle('1'), 0)
    handoff.decline(a, a.lastSequence)
    expect(names(b)).toEqual(['1'])
    handoff.decline(a, 1)
    expect(names(a)).toEqual(['1'])
  })
})

describe('descriptors', () => {
  it('of a worker: it gets no more than it has, whether sent or waiting; then the round passes it over', () => {
    a.descriptorsFree = DESCRIPTORS_SPARE + 1
    handoff.addTarget(a)
    handoff.addTarget(b)
    for (const name of ['1', '2', '3']) handoff.offer(fakeHandle(name), 0)
    expect([names(a), names(b)]).toEqual([['1'], ['2', '3']])
  })

  it('of all workers: a socket is refused at once, and taken again when one has room', () => {
    a.descriptorsFree = DESCRIPTORS_SPARE
    handoff.addTarget(a)
    const handle = fakeHandle('1')
    handoff.offer(handle, 0)
    expect([handle.closed, handoff.pending, namedRefusals(handoff.refusals)]).toEqual([1, 0, { NO_DESCRIPTORS: 1 }])
    a.descriptorsFree++
    handoff.offer(fakeHandle('2'), 0)
    expect(names(a)).toEqual(['2'])
  })

  it('a worker that stands still is not sent what others have no room for', () => {
    handoff.addTarget(a)
    handoff.offer(fakeHandle('1'), 0)
    b.descriptorsFree = DESCRIPTORS_SPARE + 1
    handoff.addTarget(b)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS)
    handoff.sweep()
    handoff.offer(fakeHandle('2'), 0)
    expect([names(a), names(b), handoff.refused]).toEqual([['1'], ['1'], 1])
  })

  it('of this process: at its own reserve a socket is refused', () => {
    handoff = new Handoff({ ...options, queueMax: 6, waitMsMax: 5000, hasRoom: (pending) => pending < 2 })
    const handles = ['1', '2', '3'].map(fakeHandle)
    for (const handle of handles) handoff.offer(handle, 0)
    expect(handles.map(({ closed }) => closed)).toEqual([0, 0, 1])
    expect(namedRefusals(handoff.refusals)).toEqual({ NO_DESCRIPTORS: 1 })
  })

  it('a worker that is heard of has not stalled, though a ticket was lost on its way', () => {
    handoff.addTarget(a)
    handoff.addTarget(b)
    handoff.offer(fakeHandle('1'), 0)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS)
    handoff.sweep()
    handoff.heard(a)
    handoff.offer(fakeHandle('2'), 0)
    expect([names(a), names(b)]).toEqual([['1', '2'], ['1']])
  })

  it('one that all wait for gets nothing more until it is heard of, lest its channel fill up', () => {
    handoff.addTarget(a)
    handoff.offer(fakeHandle('1'), 0)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS)
    handoff.sweep()
    handoff.offer(fakeHandle('2'), 0)
    clock.advance(TICKET_MS + TICKET_MARGIN_MS)
    handoff.sweep()
    expect(names(a)).toEqual(['1'])
    handoff.heard(a)
    expect(names(a)).toEqual(['1', '1', '2'])
  })
})

describe('bounds', () => {
  it('refuses, closes and counts what is beyond the queue', () => {
    const handles = Array.from({ length: 8 }, (_, index) => fakeHandle(String(index)))
    for (const handle of handles) handoff.offer(handle, 0)
    expect(handles.map(({ closed }) => closed)).toEqual([0, 0, 0, 0, 0, 0, 1, 1])
    expect(namedRefusals(handoff.refusals)).toEqual({ QUEUE_FULL: 2 })
  })

  it('counts unacknowledged sockets too', () => {
    handoff.addTarget(a)
    for (let index = 0; index < 7; index++) handoff.offer(fakeHandle(String(index)), 0)
    expect([handoff.pending, handoff.refused]).toEqual([6, 1])
  })

  it('refuses a socket that waited too long for a worker', () => {
    const handle = fakeHandle('1')
    handoff.offer(handle, 0)
    clock.advance(4999)
    handoff.sweep()
    expect(handle.closed).toBe(0)
    clock.advance(1)
    handoff.sweep()
    expect([handle.closed, handoff.pending]).toEqual([1, 0])
  })

  it('refuses it also when all workers stand still and it was sent to one after the other', () => {
    handoff.addTarget(a)
    handoff.addTarget(b)
    const handle = fakeHandle('1')
    handoff.offer(handle, 0)
    for (let round = 0; round < 4; round++) {
      clock.advance(TICKET_MS + TICKET_MARGIN_MS)
      handoff.sweep()
    }
    expect([handle.closed, handoff.pending, namedRefusals(handoff.refusals)]).toEqual([1, 0, { TOO_OLD: 1 }])
  })

  it('is idle once every socket is acknowledged or refused', async () => {
    handoff.addTarget(a)
    handoff.offer(fakeHandle('1'), 0)
    let isIdle = false
    const idle = handoff.idle().then(() => {
      isIdle = true
    })
    await Promise.resolve()
    expect(isIdle).toBe(false)
    handoff.acknowledge(a, a.lastSequence)
    await idle
    expect(isIdle).toBe(true)
    await handoff.idle()
  })

  it('leaves nothing open at the end', () => {
    handoff.addTarget(a)
    const handles = [fakeHandle('1'), fakeHandle('2')]
    for (const handle of handles) handoff.offer(handle, 0)
    handoff.removeTarget(a)
    handoff.refuseAll()
    expect(handles.map(({ closed }) => closed)).toEqual([1, 1])
    expect([handoff.pending, namedRefusals(handoff.refusals)]).toEqual([0, { STOPPING: 2 }])
  })
})
