import { describe, expect, it } from 'vitest'
import { ADMITTED } from '../../../src/ipc.ts'
import { Refusal } from '../../../src/refusal.ts'
import { doorWith, FakeSocket, FakeWorker } from './fake-door.ts'

/** A worker takes all that it was sent. */
function takeAll({ door }: Pick<ReturnType<typeof doorWith>, 'door'>, worker: FakeWorker): void {
  for (const { sequence } of worker.tickets.splice(0)) {
    worker.open++
    door.handoff.acknowledge(worker, sequence)
  }
}

it('while no rule needs it, nobody is asked for an address', () => {
  const { door } = doorWith({ maxConnections: 10, connectionRate: 10 })
  const socket = new FakeSocket()
  door.offer(socket.accepted, 0)
  expect(socket.asked).toBe(0)
})

describe('connections of one address', () => {
  it('are counted on their way, with their worker, and until it says that they are gone', () => {
    const fake = doorWith({ maxConnectionsPerIp: 1 })
    const { door } = fake
    const worker = new FakeWorker(0)
    door.workerReady(worker)
    const offer = (address: string): boolean => {
      const socket = new FakeSocket(address)
      door.offer(socket.accepted, 0)
      return !socket.closed && !socket.ended
    }
    expect([offer('192.0.2.1'), offer('192.0.2.1'), offer('192.0.2.2')]).toEqual([true, false, true])
    const [first] = worker.tickets
    takeAll(fake, worker)
    expect(offer('192.0.2.1')).toBe(false)
    door.gone(worker, [first?.sequence ?? -1])
    expect([offer('192.0.2.1'), offer('192.0.2.2')]).toEqual([true, false])
  })

  it('are free again when a socket is refused on its way, or its worker dies', () => {
    const fake = doorWith({ maxConnectionsPerIp: 1 })
    const { door, clock } = fake
    door.offer(new FakeSocket().accepted, 0)
    clock.advance(60_000)
    door.sweep()
    const worker = new FakeWorker(0)
    door.workerReady(worker)
    door.offer(new FakeSocket().accepted, 0)
    takeAll(fake, worker)
    expect(worker.open).toBe(1)
    door.workerGone(worker)
    const next = new FakeWorker(0)
    door.workerReady(next)
    door.offer(new FakeSocket().accepted, 0)
    expect([next.tickets.length, door.open]).toEqual([1, 1])
  })

  it('a worker that is late and disowned takes nothing from the one that has the socket', () => {
    const fake = doorWith({ maxConnectionsPerIp: 1 })
    const { door, clock } = fake
    const [late, other] = [new FakeWorker(0), new FakeWorker(1)]
    door.workerReady(late)
    door.offer(new FakeSocket().accepted, 0)
    door.workerReady(other)
    clock.advance(2000)
    door.sweep()
    const [ticket] = late.tickets
    takeAll(fake, other)
    door.handoff.acknowledge(late, ticket?.sequence ?? -1)
    expect(late.disowned).toEqual([ticket?.sequence])
    door.gone(late, [ticket?.sequence ?? -1])
    const again = new FakeSocket()
    door.offer(again.accepted, 0)
    expect(again.ended).toBe(true)
  })

  it('are counted whether the door or a worker learned of them', () => {
    const { door } = doorWith({ maxConnectionsPerIp: 1, deny: ['198.51.100.0/24'] })
    const worker = new FakeWorker(0)
    door.workerReady(worker)
    const asks = ['192.0.2.1', '::ffff:192.0.2.1', '198.51.100.1'].map((address, index) => ({
      id: -1 - index,
      address,
    }))
    expect(door.answer(worker, asks).map(({ refusal }) => refusal)).toEqual([
      ADMITTED,
      Refusal.PER_ADDRESS,
      Refusal.DENIED,
    ])
    const socket = new FakeSocket('192.0.2.1')
    door.offer(socket.accepted, 0)
    expect(socket.ended).toBe(true)
    door.gone(worker, [-1])
    expect(door.answer(worker, [{ id: -9, address: '192.0.2.1' }])).toEqual([{ id: -9, refusal: ADMITTED }])
  })
})

describe('placement', () => {
  it('passes over a worker that sheds connections, and refuses when all do', () => {
    const { door } = doorWith({})
    const [a, b] = [new FakeWorker(0), new FakeWorker(1)]
    for (const worker of [a, b]) door.workerReady(worker)
    a.shedsConnections = true
    for (let index = 0; index < 4; index++) door.offer(new FakeSocket().accepted, 0)
    expect([a.tickets.length, b.tickets.length]).toEqual([0, 4])
    b.shedsConnections = true
    const refused = new FakeSocket()
    door.offer(refused.accepted, 0)
    expect([refused.ended, door.handoff.refusals[Refusal.OVERLOADED]]).toEqual([true, 1])
  })

  it('by least connections counts those on their way, and goes round among equals', () => {
    const { door } = doorWith({ placement: 'least-connections' })
    const workers = [0, 1, 2].map((slot) => new FakeWorker(slot))
    for (const worker of workers) door.workerReady(worker)
    const [a, b, c] = workers
    for (let index = 0; index < 4; index++) door.offer(new FakeSocket().accepted, 0)
    expect(workers.map(({ tickets }) => tickets.length)).toEqual([2, 1, 1])
    if (c !== undefined) c.open = 100
    if (a !== undefined) a.open = 2
    for (let index = 0; index < 4; index++) door.offer(new FakeSocket().accepted, 0)
    expect([a?.tickets.length, b?.tickets.length, c?.tickets.length]).toEqual([3, 4, 1])
  })
})
