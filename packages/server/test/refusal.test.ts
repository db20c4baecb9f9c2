/**
 * Owns the test that every reason of a refusal is reached: each has one way here in which a socket comes to it. A
 * reason that is added without one fails the first test.
 */
import { ERROR_TABLE } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { LINGER_MS } from '../src/admission/farewell.ts'
import type { Door } from '../src/primary/admission/door.ts'
import { namedRefusals, noticesOf, REFUSAL_ROWS, REFUSALS, type RefusalName } from '../src/refusal.ts'
import { doorWith, FakeSocket, FakeWorker } from './primary/admission/fake-door.ts'
import { guestOf, lobbyWith } from './worker/fake-lobby.ts'

type Refused = { readonly refusals: readonly number[] }

/** One way to each: what comes back has counted it. */
const WAYS: Readonly<Record<RefusalName, () => Refused>> = {
  QUEUE_FULL: () => offered({ handoffQueue: 1 }, 2),
  TOO_OLD: () => {
    const { door, clock } = doorWith({})
    door.offer(new FakeSocket().accepted, 0)
    clock.advance(60_000)
    door.sweep()
    return door.handoff
  },
  NO_DESCRIPTORS: () => {
    const { door } = doorWith({}, { hasRoom: () => false })
    door.offer(new FakeSocket().accepted, 0)
    return door.handoff
  },
  STOPPING: () => {
    const { door } = doorWith({})
    door.offer(new FakeSocket().accepted, 0)
    door.handoff.refuseAll()
    return door.handoff
  },
  MAX_CONNECTIONS: () => offered({ maxConnections: 1 }, 2),
  PER_ADDRESS: () => offered({ maxConnectionsPerIp: 1 }, 2),
  RATE: () => offered({ connectionRate: 1 }, 2),
  DENIED: () => offered({ deny: ['192.0.2.0/24'] }, 1),
  OVERLOADED: () => {
    const { door } = doorWith({})
    const worker = new FakeWorker(0)
    worker.shedsConnections = true
    door.workerReady(worker)
    door.offer(new FakeSocket().accepted, 0)
    return door.handoff
  },
  PEER_GONE: () => {
    const { door } = doorWith({ deny: ['192.0.2.0/24'] })
    door.offer(new FakeSocket(null).accepted, 0)
    return door.handoff
  },
  BAD_PROXY_HEADER: () => {
    const { lobby, refusals } = lobbyWith()
    const { guest, socket } = guestOf(lobby)
    lobby.begin(guest)
    socket.arrive(Buffer.from('GET / HTTP/1.1\r'))
    return { refusals }
  },
  PROXY_TIMEOUT: () => {
    const { lobby, refusals, clock } = lobbyWith()
    lobby.begin(guestOf(lobby).guest)
    clock.advance(60_000)
    return { refusals }
  },
}

function offered(settings: Parameters<typeof doorWith>[0], count: number): Door['handoff'] {
  const { door } = doorWith(settings)
  for (let index = 0; index < count; index++) door.offer(new FakeSocket().accepted, 0)
  return door.handoff
}

describe('a reason of a refusal', () => {
  it('is reached by some way of this table, each of them', () => {
    expect(Object.keys(WAYS).toSorted()).toEqual([...REFUSALS].toSorted())
    expect(Object.keys(REFUSAL_ROWS).toSorted()).toEqual([...REFUSALS].toSorted())
  })

  it.each(REFUSALS)('%s is what such a socket is counted under, and nothing else', (name) => {
    expect(namedRefusals(WAYS[name]().refusals)).toEqual({ [name]: 1 })
  })

  it.each(REFUSALS)('%s tells different clients different times, or of none, or nothing', (name) => {
    const { notice } = REFUSAL_ROWS[name]
    const frames = noticesOf(REFUSAL_ROWS[name], 'frame')
    const told = notice?.retryAfterMs === undefined ? 1 : 16
    const count = notice === undefined ? 0 : told
    expect(new Set(frames.map((frame) => Buffer.from(frame).toString('hex'))).size).toBe(count)
  })

  it.each(REFUSALS)('%s names a time exactly where its error may be tried again', (name) => {
    const { notice } = REFUSAL_ROWS[name]
    if (notice === undefined) return
    const { retryable } = ERROR_TABLE.find(({ code }) => code === notice.code) ?? {}
    expect(notice.retryAfterMs !== undefined).toBe(retryable)
  })
})

describe('a refused socket', () => {
  it('gets an ERROR and FIN, and is closed a moment later', () => {
    const { door, clock } = doorWith({ maxConnections: 1 })
    const [first, second] = [new FakeSocket(), new FakeSocket()]
    for (const socket of [first, second]) door.offer(socket.accepted, 0)
    expect([second.sent.length > 0, second.ended, second.closed]).toEqual([true, true, false])
    expect(door.sockets).toBe(2)
    clock.advance(LINGER_MS + 1)
    expect([second.closed, first.closed]).toEqual([true, false])
    expect(door.sockets).toBe(1)
  })

  it('is closed without a word once many linger: a flood holds no more descriptors than that', () => {
    const { door, clock } = doorWith({ maxConnections: 1 })
    const sockets = Array.from({ length: 1000 }, () => new FakeSocket())
    for (const socket of sockets) door.offer(socket.accepted, 0)
    expect(sockets.filter(({ closed }) => !closed)).toHaveLength(1 + 256)
    clock.advance(LINGER_MS + 1)
    expect(sockets.filter(({ closed }) => !closed)).toHaveLength(1)
  })

  it('on a listener of JSON gets an object that says the same', () => {
    const { door } = doorWith({ maxConnections: 1 }, { codec: 'json' })
    const [first, second] = [new FakeSocket(), new FakeSocket()]
    for (const socket of [first, second]) door.offer(socket.accepted, 0)
    const text = Buffer.from(second.sent).toString()
    expect(text.indexOf('\n')).toBe(text.length - 1)
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 14,
        name: 'TOO_MANY_CONNECTIONS',
        message: 'this server has as many connections as it may',
        retryable: true,
        retryAfterMs: expect.any(Number),
      },
    })
    expect([second.ended, second.closed]).toEqual([true, false])
  })

  it.each([{ tls: true }, { tls: true, codec: 'json' }, { codec: 'line' }, { codec: 'raw' }, { codec: './mine.ts' }])(
    'on a listener %j hears nothing',
    (settings) => {
      const { door } = doorWith({ maxConnections: 1 }, settings)
      const sockets = [new FakeSocket(), new FakeSocket()]
      for (const socket of sockets) door.offer(socket.accepted, 0)
      expect([sockets[1]?.writes, sockets[1]?.closed]).toEqual([0, true])
    },
  )
})
