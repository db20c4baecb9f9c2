import { randomInt } from 'node:crypto'
import { FakeClock } from '@shardwire/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Quota, type QuotaHolder, Quotas } from '../../../src/primary/admission/quotas.ts'

/** A worker behind a channel: what it is told, and what it says, arrives when the test says so, in order. */
class Peer implements QuotaHolder {
  readonly slot: number
  /** As the primary knows it. */
  open = 0
  quotaSequence = 0
  /** What is on its way to it: a quota, or that there is no place. */
  readonly told: (Quota | 'full')[] = []
  /** What is on its way from it. */
  readonly said: ((quotas: Quotas) => void)[] = []
  has = 0
  waiting = 0
  turnedAway = 0
  #goesBy: Quota = { quota: 0, sequence: 0 }

  constructor(slot: number) {
    this.slot = slot
  }

  come(count: number): void {
    this.waiting += count
    this.#seat()
    const { has, waiting } = this
    if (waiting === 0) return
    this.said.push((quotas) => {
      this.open = has
      quotas.want(this, waiting)
    })
  }
  leave(count: number): void {
    this.has = Math.max(0, this.has - count)
    this.#seat()
    this.#sayOpen(false)
  }
  /** The next word reaches it. */
  hear(): void {
    const word = this.told.shift()
    if (word === undefined) return
    if (word === 'full') {
      this.turnedAway += this.waiting
      this.waiting = 0
      return
    }
    this.#goesBy = word
    this.#seat()
    this.#sayOpen(true)
  }
  /** Its next word reaches the primary. */
  beHeard(quotas: Quotas): void {
    this.said.shift()?.(quotas)
  }

  #seat(): void {
    const places = Math.max(0, Math.min(this.waiting, this.#goesBy.quota - this.has))
    this.has += places
    this.waiting -= places
  }
  #sayOpen(isQuota: boolean): void {
    const { has, waiting } = this
    const { sequence } = this.#goesBy
    this.said.push((quotas) => {
      this.open = has
      this.quotaSequence = sequence
      if (isQuota) quotas.taken(this, waiting)
      else quotas.heard()
    })
  }
}

interface World {
  readonly peers: readonly Peer[]
  readonly quotas: Quotas
  readonly clock: FakeClock
  /** All words arrive. */
  settle(): void
  readonly total: number
  /** How often somebody was told that there is no place though it was not known that all are taken. */
  tooSoon: number
}

function worldOf(total: number, workers: number): World {
  const clock = new FakeClock()
  const peers = Array.from({ length: workers }, (_, slot) => new Peer(slot))
  const of = (holder: QuotaHolder): Peer | undefined => peers.find((peer) => peer === holder)
  const quotas = new Quotas({
    total,
    clock,
    tell: (holder, quota) => of(holder)?.told.push(quota),
    tellFull: (holder) => {
      if (peers.reduce((sum, { open }) => sum + open, 0) < total) world.tooSoon++
      of(holder)?.told.push('full')
    },
  })
  for (const peer of peers) quotas.workerReady(peer)
  const settle = (): void => {
    for (let round = 0; round < 100; round++) {
      for (const peer of peers) while (peer.told.length > 0) peer.hear()
      for (const peer of peers) while (peer.said.length > 0) peer.beHeard(quotas)
      clock.advance(10)
    }
  }
  const world = {
    peers,
    quotas,
    clock,
    settle,
    tooSoon: 0,
    get total() {
      return peers.reduce((sum, { has }) => sum + has, 0)
    },
  }
  return world
}

/** fast-check prints it when a property fails. */
const SEED = randomInt(2 ** 31)

describe('quotas', () => {
  it('are never more together than the total, whatever workers have and however late they hear and say so', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 7 }), fc.nat({ max: 20 })), { maxLength: 300 })
    const property = fc.property(fc.integer({ min: 1, max: 50 }), steps, (total, moves) => {
      const world = worldOf(total, 4)
      const { peers, quotas, clock } = world
      for (const [at, what, count] of moves) {
        const peer = peers[at]
        if (what === 0) quotas.balance()
        else if (what <= 2) peer?.come(count)
        else if (what === 3) peer?.leave(count)
        else if (what === 4) peer?.hear()
        else if (what === 5) clock.advance(count / 10)
        else if (what === 6 && count === 0 && peer !== undefined) quotas.workerLeaves(peer)
        else peer?.beHeard(quotas)
        if (world.total > total) return false
      }
      // In the end everybody who waits has a place, or there is none.
      const refused = peers.reduce((sum, { turnedAway }) => sum + turnedAway, 0)
      world.settle()
      const waiting = peers.reduce((sum, peer) => sum + peer.waiting, 0)
      const refusedSince = peers.reduce((sum, { turnedAway }) => sum + turnedAway, 0) - refused
      return world.total <= total && waiting === 0 && (refusedSince === 0 || world.total > 0) && world.tooSoon === 0
    })
    fc.assert(property, { seed: SEED, numRuns: 3000 })
  })

  it('come to the total in the end, whatever it was before, and whoever came and went meanwhile', () => {
    const totals = [1, 7, 30, Infinity]
    const steps = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 5 }), fc.nat({ max: 20 })), { maxLength: 100 })
    const property = fc.property(steps, (moves) => {
      const world = worldOf(5, 3)
      const { peers, quotas, clock } = world
      for (const [at, what, count] of moves) {
        const peer = peers[at]
        if (what === 0) quotas.useTotal(totals[count % totals.length] ?? 1)
        else if (what === 1) peer?.come(count)
        else if (what === 2) peer?.leave(count)
        else if (what === 3) clock.advance(count)
        else if (what === 4) peer?.hear()
        else peer?.beHeard(quotas)
      }
      quotas.useTotal(12)
      world.settle()
      for (const peer of peers) peer.leave(Infinity)
      world.settle()
      const [first, second] = peers
      first?.come(7)
      world.settle()
      second?.come(20)
      world.settle()
      return world.total === 12 && first?.has === 7
    })
    // A total that became less while somebody waits.
    const examples: [[number, number, number][]][] = [
      [
        [
          [0, 0, 14],
          [0, 1, 1],
          [0, 5, 0],
          [1, 1, 1],
          [1, 5, 0],
        ],
      ],
    ]
    fc.assert(property, { seed: SEED, numRuns: 2000, examples })
  })

  it('move at once to where somebody waits, from wherever they are not used', () => {
    const world = worldOf(10, 3)
    world.settle()
    const [a, b] = world.peers
    a?.come(9)
    world.settle()
    expect([a?.has, a?.turnedAway]).toEqual([9, 0])
    b?.come(2)
    world.settle()
    expect([b?.has, b?.turnedAway]).toEqual([1, 1])
  })

  it('of a worker that leaves are those of who stay, also while its connections are still there', () => {
    const world = worldOf(10, 2)
    world.settle()
    const [a, b] = world.peers
    a?.come(4)
    world.settle()
    if (a !== undefined) world.quotas.workerLeaves(a)
    b?.come(6)
    world.settle()
    expect([b?.has, b?.turnedAway]).toEqual([6, 0])
    a?.leave(4)
    b?.come(4)
    world.settle()
    expect([b?.has, b?.turnedAway]).toEqual([10, 0])
  })

  it('that a worker does not give back, since it stands still, are not waited for without an end', () => {
    const world = worldOf(10, 2)
    world.settle()
    const [, b] = world.peers
    const step = (): void => {
      while ((b?.told.length ?? 0) > 0) b?.hear()
      while ((b?.said.length ?? 0) > 0) b?.beHeard(world.quotas)
    }
    b?.come(6)
    step()
    world.clock.advance(500)
    world.quotas.heard()
    step()
    expect([b?.has, b?.turnedAway]).toEqual([5, 0])
    world.clock.advance(600)
    world.quotas.heard()
    step()
    expect([b?.has, b?.turnedAway]).toEqual([5, 1])
  })

  it('follow another total: none at all, and one again', () => {
    const world = worldOf(4, 2)
    world.settle()
    const [a, b] = world.peers
    world.quotas.useTotal(Infinity)
    world.settle()
    a?.come(100)
    expect(a?.has).toBe(100)
    world.quotas.useTotal(50)
    world.settle()
    world.quotas.balance()
    world.settle()
    b?.come(1)
    world.settle()
    expect([b?.has, b?.turnedAway]).toEqual([0, 1])
    a?.leave(60)
    b?.come(20)
    world.settle()
    expect([a?.has, b?.has]).toEqual([40, 10])
  })
})
