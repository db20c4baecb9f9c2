/** Rules of the client with several addresses: who gets a request, who gets none, and when one is back. */
import { ShardwireError } from '@shardwire/protocol'
import { Random, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { strategyOf } from '../../src/balance/strategies.ts'
import { bytesOf, rejectionOf } from '../support.ts'
import { leavesNothing, REFUSED, scene } from './fake-network.ts'
import type { FakeRequest, Scene } from './fake-network.ts'

const ABC = ['a:1', 'b:1', 'c:1']
const late = ({ reject }: FakeRequest): void => reject(new ShardwireError(9, 'too late'))
const echo = ({ body, resolve }: FakeRequest): void => resolve(body)

/** How many of `count` requests went where; those that were refused unsent as `none`. */
async function spread({ client, network }: Scene, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const { serve } = network
  let sent = 0
  const add = (target: string): void => {
    sent++
    counts[target] = (counts[target] ?? 0) + 1
  }
  network.serve = (request) => {
    add(request.connection.target)
    serve?.(request)
  }
  for (let request = 0; request < count; request++) {
    const before = sent
    await client.request(1).catch(() => undefined)
    if (sent === before) add('none')
  }
  if (serve !== undefined) network.serve = serve
  return counts
}

describe('strategies', () => {
  const list = (...inFlight: number[]) => inFlight.map((count, index) => ({ inFlight: count, index }))

  it('round-robin takes each in turn', () => {
    const choose = strategyOf('round-robin', () => 0)
    const three = list(9, 0, 5)
    const chosen = Array.from({ length: 6 }, () => choose(three).index)
    expect(chosen.slice(3)).toEqual(chosen.slice(0, 3))
    expect(new Set(chosen.slice(0, 3)).size).toBe(3)
  })

  it('least-in-flight takes the least, and of equals not always the same', async () => {
    await withSeed('least', (random: Random) => {
      const choose = strategyOf('least-in-flight', () => random.next())
      for (let round = 0; round < 100; round++) expect(choose(list(3, 1, 2)).index).toBe(1)
      const equals = new Set(Array.from({ length: 200 }, () => choose(list(1, 1, 1)).index))
      expect(equals.size).toBe(3)
    })
  })

  it('power-of-two never takes the one that is busier than all others, and takes each of equals alike', async () => {
    await withSeed('two', (random: Random) => {
      const choose = strategyOf('power-of-two', () => random.next())
      for (let round = 0; round < 300; round++) expect(choose(list(5, 9, 5, 5)).index).not.toBe(1)
      const counts = [0, 0, 0, 0]
      for (let round = 0; round < 8000; round++) {
        const { index } = choose(list(1, 1, 1, 1))
        counts[index] = (counts[index] ?? 0) + 1
      }
      // 2000 expected; 39 is the standard deviation.
      for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(240)
      expect(choose(list(7)).index).toBe(0)
    })
  })
})

describe('requests', () => {
  it('are spread over the addresses', async () => {
    for (const balance of ['round-robin', 'least-in-flight', 'power-of-two'] as const) {
      const random = new Random(7)
      const all = await scene({ addresses: ABC, balance, random: () => random.next() })
      all.network.serve = echo
      const counts = await spread(all, 300)
      for (const address of ABC) expect(counts[address]).toBeGreaterThan(60)
      await leavesNothing(all)
    }
  })

  it('go where there is a connection, and to the others as soon as they have one', async () => {
    const all = await scene({ addresses: ABC, balance: 'round-robin' }, (network) => {
      network.set('a:1', REFUSED)
      network.set('b:1', 'hang')
    })
    all.network.serve = echo
    expect(await spread(all, 30)).toEqual({ 'c:1': 30 })
    all.network.set('a:1', 'up')
    await all.network.pass(200)
    expect(await spread(all, 30)).toEqual({ 'a:1': 15, 'c:1': 15 })
    await leavesNothing(all)
  })

  it('that wait go on with whichever address comes first', async () => {
    const all = await scene({ addresses: ABC }, (network) => {
      for (const address of ABC) network.set(address, 'hang')
    })
    const { client, network } = all
    const answers = [1, 2, 3].map((route) => client.request(route, undefined, { timeoutMs: 20_000 }))
    network.set('b:1', 'up')
    await network.pass(8000)
    expect(network.pending.map(({ connection }) => connection.target)).toEqual(['b:1', 'b:1', 'b:1'])
    for (const { resolve } of network.pending) resolve(bytesOf(''))
    await Promise.all(answers)
    await leavesNothing(all)
  })

  it('leave an address whose connections are all suspect', async () => {
    const all = await scene({ addresses: ['a:1', 'b:1'], balance: 'round-robin' })
    all.network.serve = echo
    all.network.set('a:1', 'hang')
    all.network.of('a:1')[0]?.suspect(true)
    expect(await spread(all, 10)).toEqual({ 'b:1': 10 })
    all.network.of('a:1')[0]?.suspect(false)
    expect(await spread(all, 10)).toEqual({ 'a:1': 5, 'b:1': 5 })
    await leavesNothing(all)
  })

  it('that lose their connection go elsewhere at once where they may', async () => {
    const all = await scene({ addresses: ['a:1', 'b:1'], balance: 'round-robin' })
    const { client, network } = all
    const answer = client.request(1, undefined, { idempotent: true })
    await network.pass()
    const [first] = network.pending
    first?.connection.lose()
    await network.pass()
    const [second] = network.pending
    expect(second?.connection.target).not.toBe(first?.connection.target)
    second?.resolve(bytesOf(''))
    await answer
    await leavesNothing(all)
  })
})

describe('an address that fails', () => {
  it('is left alone for a while, tried by one request, and taken back', async () => {
    const all = await scene({ addresses: ABC, balance: 'round-robin' })
    const { network } = all
    network.serve = (request) => (request.connection.target === 'a:1' ? late(request) : echo(request))
    await spread(all, 15)
    expect(await spread(all, 20)).toEqual({ 'b:1': 10, 'c:1': 10 })
    await network.pass(5000)
    // The trial fails: for another five seconds.
    expect(await spread(all, 21)).toEqual({ 'a:1': 1, 'b:1': 10, 'c:1': 10 })
    expect(await spread(all, 20)).toEqual({ 'b:1': 10, 'c:1': 10 })
    await network.pass(5000)
    network.serve = echo
    expect((await spread(all, 31))['a:1']).toBeGreaterThan(8)
    await leavesNothing(all)
  })

  it('among too many that fail is not relieved by the rest, which would fail next: its share is refused', async () => {
    const random = new Random(3)
    const all = await scene({
      addresses: ['a:1', 'b:1', 'c:1', 'd:1'],
      balance: 'round-robin',
      random: () => random.next(),
    })
    const { network } = all
    network.serve = (request) => (request.connection.target === 'd:1' ? echo(request) : late(request))
    await spread(all, 60)
    // Three are open, of which two may be relieved: half of the requests are of the third.
    const counts = await spread(all, 400)
    expect(Object.keys(counts).sort()).toEqual(['d:1', 'none'])
    expect(counts['d:1']).toBeGreaterThan(150)
    expect(counts['d:1']).toBeLessThan(250)
    await leavesNothing(all)
  })

  it('is relieved by the last one where that is wanted', async () => {
    const all = await scene({ addresses: ABC, balance: 'round-robin', breaker: { ejectedShareMax: 1 } })
    all.network.serve = (request) => (request.connection.target === 'c:1' ? echo(request) : late(request))
    await spread(all, 30)
    expect(await spread(all, 50)).toEqual({ 'c:1': 50 })
    await leavesNothing(all)
  })

  it('together with all others refuses at once, and names them', async () => {
    const all = await scene({ addresses: ['a:1', 'b:1'], balance: 'round-robin' })
    all.network.serve = late
    await spread(all, 10)
    expect(await rejectionOf(all.client.request(1))).toMatchObject({
      code: 'BREAKER_OPEN',
      message: expect.stringContaining('a:1, b:1'),
    })
    await leavesNothing(all)
  })
})

describe('an address that was given up', () => {
  it('is tried again now and then while others serve, and comes back', async () => {
    const all = await scene({ addresses: ['a:1', 'b:1'] }, (network) => network.set('a:1', REFUSED))
    const { client, network } = all
    await network.pass(35_000)
    expect(client.status.addresses.map(({ state }) => state)).toEqual(['failed', 'connected'])
    expect(client.status.state).toBe('connected')
    network.set('a:1', 'up')
    await network.pass(35_000)
    expect(client.status.addresses.map(({ state }) => state)).toEqual(['connected', 'connected'])
    await leavesNothing(all)
  })
})
