import { describe, expect, it } from 'vitest'
import { Refusal, namedRefusals } from '../../src/refusal.ts'
import { FakeHandle } from '../transport/fake-handle.ts'
import { type FakeLobby, lobbyWith, TIMEOUT_MS } from './fake-lobby.ts'
import { header2 } from './proxy-headers.ts'

/** A socket that this worker has accepted. */
function arrive({ lobby }: FakeLobby): FakeHandle {
  const socket = new FakeHandle()
  lobby.begin(lobby.enter({ socket: socket.asRaw, listener: 0 }))
  return socket
}

describe('a socket past the quota of its worker', () => {
  it('waits, unread, and the primary is asked for a place; it is admitted when there is one, in order', () => {
    const fake = lobbyWith()
    fake.lobby.useQuota(1)
    const sockets = [arrive(fake), arrive(fake), arrive(fake)]
    expect([fake.admitted.length, fake.lobby.waiting, fake.lobby.seated, fake.lobby.size]).toEqual([1, 2, 0, 2])
    expect([fake.wanted, sockets.map(({ reading }) => reading)]).toEqual([
      [1, 2],
      [false, false, false],
    ])
    fake.lobby.useQuota(2)
    expect(fake.admitted.map(({ socket }) => socket)).toEqual(sockets.slice(0, 2))
    fake.lobby.useQuota(Infinity)
    expect([fake.admitted.length, fake.lobby.size]).toEqual([3, 0])
  })

  it('is told that there is none when no worker has one, or nobody has answered in time', () => {
    const fake = lobbyWith()
    fake.lobby.useQuota(0)
    const socket = arrive(fake)
    fake.lobby.full()
    expect([namedRefusals(fake.refusals), socket.sent.length > 0]).toEqual([{ MAX_CONNECTIONS: 1 }, true])
    arrive(fake)
    fake.clock.advance(TIMEOUT_MS + 40)
    expect([namedRefusals(fake.refusals), fake.lobby.size]).toEqual([{ MAX_CONNECTIONS: 1, TOO_OLD: 1 }, 0])
  })

  it('takes the place of one that leaves the lobby without having been served', () => {
    const fake = lobbyWith()
    fake.lobby.useQuota(1)
    const proxied = new FakeHandle()
    fake.lobby.begin(fake.lobby.enterProxied({ socket: proxied.asRaw, listener: 0 }))
    arrive(fake)
    expect([fake.lobby.seated, fake.lobby.waiting]).toEqual([1, 1])
    proxied.arriveReset()
    expect([fake.admitted.length, fake.lobby.size]).toEqual([1, 0])
  })

  it('begins with its PROXY header only when it has a place, and has its whole time for that', () => {
    const fake = lobbyWith()
    fake.lobby.useQuota(0)
    const proxied = new FakeHandle()
    fake.lobby.begin(fake.lobby.enterProxied({ socket: proxied.asRaw, listener: 0 }))
    expect(proxied.reading).toBe(false)
    fake.clock.advance(TIMEOUT_MS - 40)
    fake.lobby.useQuota(1)
    expect(proxied.reading).toBe(true)
    fake.clock.advance(TIMEOUT_MS - 40)
    proxied.arrive(header2('192.0.2.7', 4711))
    expect([fake.admitted.length, namedRefusals(fake.refusals)]).toEqual([1, {}])
  })

  it('may be refused for another reason when it has a place, which the next one gets then', () => {
    const fake = lobbyWith({ seatedRefusal: Refusal.RATE })
    fake.lobby.useQuota(0)
    const count = 20_000
    for (let index = 0; index < count; index++) arrive(fake)
    fake.lobby.useQuota(1)
    expect([namedRefusals(fake.refusals), fake.lobby.seated, fake.lobby.size]).toEqual([{ RATE: count }, 0, 0])
  })
})
