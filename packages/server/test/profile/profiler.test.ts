/** Owns the tests of a profile on its way from V8 to who reads it: one at a time, a part at a time, always an end. */
import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { ProfileToPrimary, ProfileToWorker } from '../../src/profile/profile-order.ts'
import type { ProfileSession } from '../../src/profile/profile-session.ts'
import { Profiler } from '../../src/profile/profiler.ts'
import { Profiles } from '../../src/profile/profiles.ts'

const PART = 65_536
const LARGE = { nodes: 'x'.repeat(3 * PART) }

/** Lets promises that are settled go on. */
async function settled(): Promise<void> {
  for (let n = 0; n < 5; n++) await Promise.resolve()
}

class FakeSession implements ProfileSession {
  isClosed = false
  readonly stopped = Promise.withResolvers<object>()
  async stop(): Promise<object> {
    return await this.stopped.promise
  }
  close(): void {
    this.isClosed = true
  }
}

function worker() {
  const clock = new FakeClock()
  const told: ProfileToPrimary[] = []
  const sessions: FakeSession[] = []
  const opening: PromiseWithResolvers<void>[] = []
  const open = async (): Promise<ProfileSession> => {
    const gate = Promise.withResolvers<void>()
    opening.push(gate)
    await gate.promise
    const session = new FakeSession()
    sessions.push(session)
    return session
  }
  const profiler = new Profiler({ clock, open, tell: (message) => told.push(message) })
  return { clock, told, sessions, opening, profiler }
}

const ORDER = { id: 1, kind: 'cpu', seconds: 10 } as const

describe('a worker', () => {
  it('sends the next part when the one before has been passed on, and holds the rest', async () => {
    const { clock, told, sessions, opening, profiler } = worker()
    profiler.start(ORDER)
    opening[0]?.resolve()
    await settled()
    clock.advance(9999)
    expect(told).toEqual([])
    clock.advance(1)
    sessions[0]?.stopped.resolve(LARGE)
    await settled()
    expect(told).toHaveLength(1)
    while (told.at(-1)?.type === 'profile-part' && !Reflect.get(told.at(-1) ?? {}, 'isLast')) profiler.more(1)
    const parts = told.map((message) => (message.type === 'profile-part' ? message.text : ''))
    expect(Math.max(...parts.map(({ length }) => length))).toBe(PART)
    expect(JSON.parse(parts.join(''))).toEqual(LARGE)
    profiler.more(1)
    expect(told).toHaveLength(parts.length)
    // It is free again.
    profiler.start({ ...ORDER, id: 2 })
    expect(opening).toHaveLength(2)
    expect(clock.pendingTimers).toBe(0)
  })

  it('takes one at a time, also while one is only opened, or is being read', async () => {
    const { clock, told, sessions, opening, profiler } = worker()
    const busy = { type: 'profile-failed', id: 2, why: expect.stringContaining('already'), isBusy: true }
    profiler.start(ORDER)
    profiler.start({ ...ORDER, id: 2 })
    expect(told).toEqual([busy])
    opening[0]?.resolve()
    await settled()
    clock.advance(10_000)
    profiler.start({ ...ORDER, id: 2 })
    sessions[0]?.stopped.resolve(LARGE)
    await settled()
    profiler.start({ ...ORDER, id: 2 })
    expect(told.filter(({ type }) => type === 'profile-failed')).toEqual([busy, busy, busy])
  })

  it.each(['opening', 'running', 'stopping', 'sending'])(
    'is free again when one is cancelled while %s',
    async (when) => {
      const { clock, told, sessions, opening, profiler } = worker()
      profiler.start(ORDER)
      if (when === 'opening') profiler.cancel(1)
      opening[0]?.resolve()
      await settled()
      if (when === 'running') profiler.cancel(1)
      clock.advance(10_000)
      if (when === 'stopping') profiler.cancel(1)
      sessions[0]?.stopped.resolve(LARGE)
      await settled()
      if (when === 'sending') profiler.cancel(1)
      await settled()
      expect(told).toHaveLength(when === 'sending' ? 1 : 0)
      if (when !== 'stopping' && when !== 'sending') expect(sessions[0]?.isClosed).toBe(true)
      profiler.start({ ...ORDER, id: 2 })
      expect(told.filter(({ type }) => type === 'profile-failed')).toEqual([])
      expect(clock.pendingTimers).toBe(0)
    },
  )

  it('tells what V8 refuses, and is free again', async () => {
    const { told, opening, profiler } = worker()
    profiler.start(ORDER)
    opening[0]?.reject(new Error('no profiler'))
    await settled()
    expect(told).toEqual([
      { type: 'profile-failed', id: 1, why: expect.stringContaining('no profiler'), isBusy: false },
    ])
    profiler.start({ ...ORDER, id: 2 })
    expect(told).toHaveLength(1)
  })
})

describe('the primary', () => {
  function scene() {
    const clock = new FakeClock()
    const profiles = new Profiles(clock)
    const said: ProfileToWorker[] = []
    const asked = { slot: 3, tell: (message: ProfileToWorker) => said.push(message) }
    const seen: unknown[] = []
    const sink = {
      part: (text: string, isLast: boolean) => seen.push([text, isLast]),
      failed: (why: string, isBusy: boolean) => seen.push([why, isBusy]),
    }
    return { clock, profiles, said, asked, seen, handle: profiles.order(asked, 'heap', 5, sink) }
  }

  it('passes parts on, of the worker that was asked alone, until the last', () => {
    const { clock, profiles, said, asked, seen, handle } = scene()
    const part = { type: 'profile-part', id: 1, text: 'a', isLast: false } as const
    profiles.told({ slot: 4, tell: () => undefined }, part)
    expect(seen).toEqual([])
    profiles.told(asked, part)
    handle.more()
    profiles.told(asked, { ...part, text: 'b', isLast: true })
    handle.more()
    handle.cancel()
    profiles.gone(asked)
    expect(seen).toEqual([
      ['a', false],
      ['b', true],
    ])
    expect(said.map(({ type }) => type)).toEqual(['profile', 'profile-more'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends one whose worker dies, and one that does not come in time, which the worker is told', () => {
    const dying = scene()
    dying.profiles.gone(dying.asked)
    expect(dying.seen).toEqual([['worker 3 has ended meanwhile', false]])
    const { clock, said, seen } = scene()
    clock.advance(65_000)
    expect(seen).toEqual([[expect.stringContaining('in time'), false]])
    expect(said.map(({ type }) => type)).toEqual(['profile', 'profile-cancel'])
  })

  it('that nobody asks any more hears nothing of it', () => {
    const { profiles, said, asked, seen, handle } = scene()
    handle.cancel()
    handle.cancel()
    profiles.told(asked, { type: 'profile-part', id: 1, text: 'a', isLast: true })
    expect([seen, said.map(({ type }) => type)]).toEqual([[], ['profile', 'profile-cancel']])
  })
})
