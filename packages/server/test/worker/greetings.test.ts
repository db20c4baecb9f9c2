/** Owns the tests of how a connection gets into a service and out of it: every hook, at once and later. */
import {
  decodeErrorBody,
  encodeHello,
  encodeFrame,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_WELCOME,
  OVERLOADED,
  ShardwireError,
} from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../src/service/connection.ts'
import type { Caller, Credentials, ServiceHooks } from '../../src/service/hooks.ts'
import { route } from '../../src/service/route.ts'
import { type FakePeer, type FakeShard, fakeShard } from './fake-shard.ts'

const ECHO = 1
const WHO = 2
const TIMEOUT_MS = 500
const HELLO = encodeHello({ protocol: 1, token: 'sesame', name: 'device', version: '2' })
const BODY = Uint8Array.of(1, 2, 3)
const echoFrame = encodeFrame({ kind: KIND_REQUEST, route: ECHO, id: 1, body: BODY })
const pingFrame = encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PING })
const WELCOME = `${KIND_CONTROL} ${OPCODE_WELCOME} 0`
const PONG = `${KIND_CONTROL} ${OPCODE_PONG} 0`
const ECHOED = `${KIND_RESPONSE} ${ECHO} 1`

function serve(hooks: ServiceHooks, environment: Readonly<Record<string, string>> = {}): FakeShard {
  const routes = {
    echo: route(ECHO, { body: 'bytes' }, (request) => request.forward()),
    who: route(WHO, { body: 'none' }, ({ connection }) => connection.attributes['user']),
  }
  const times = { SHARDWIRE_HANDSHAKE_TIMEOUT_MS: String(TIMEOUT_MS), ...environment }
  return fakeShard(times, routes, undefined, undefined, hooks)
}

/** What the peer got, in words; and how it ended. */
function outcome(peer: FakePeer): readonly [string[], string[]] {
  return [peer.answers(), peer.handle.log.filter((call) => ['shutdown', 'reset', 'close'].includes(call))]
}

/** A promise for each call of a hook, in order. */
function controlled<T>(): { readonly calls: PromiseWithResolvers<T>[]; readonly hook: () => Promise<T> } {
  const calls: PromiseWithResolvers<T>[] = []
  const hook = (): Promise<T> => {
    const call = Promise.withResolvers<T>()
    calls.push(call)
    return call.promise
  }
  return { calls, hook }
}

describe('authenticate', () => {
  const lets = ({ token }: Caller): Credentials => token === 'sesame' && { user: 'ali' }

  it.each([
    ['at once', lets],
    ['later', async (caller: Caller) => Promise.resolve(lets(caller))],
  ])('lets in by HELLO’s token, %s; frames behind HELLO are served when it has', async (_, authenticate) => {
    const { connect, faults } = serve({ authenticate })
    const peer = connect()
    peer.handle.arrive(Buffer.concat([pingFrame, HELLO, echoFrame]))
    await nextTurn()
    expect(peer.answers()).toEqual([PONG, WELCOME, ECHOED])
    peer.send({ kind: KIND_REQUEST, route: WHO, id: 2 })
    const [who] = peer.received()
    expect([
      Buffer.from(who?.body ?? [])
        .subarray(1)
        .toString(),
      faults,
    ]).toEqual(['ali', []])
  })

  it('is told what the client calls itself', () => {
    const callers: Caller[] = []
    const { connect } = serve({ authenticate: (caller) => void callers.push(caller) })
    connect().handle.arrive(HELLO)
    expect(callers).toMatchObject([{ token: 'sesame', client: { name: 'device', version: '2' } }])
  })

  it('is asked before there is a session; onConnect and handlers have one, without the token', () => {
    const sessions: unknown[] = []
    const note = ({ session }: Connection): void => void sessions.push(session)
    const { connect } = serve({
      authenticate: ({ connection }) => (note(connection), true),
      onConnect: note,
    })
    const peer = connect()
    peer.handle.arrive(HELLO)
    const session = {
      protocol: 1,
      client: { name: 'device', version: '2' },
      isAuthenticated: true,
      maxFrameBytes: peer.connection.listener.decoder.frameBytesMax,
      heartbeatMs: peer.connection.listener.heartbeatMs,
    }
    expect(sessions).toEqual([undefined, session])
    const { served } = peer.connection
    expect(served?.session).toBe(served?.session)
  })

  it('that lets nobody in leaves no session', () => {
    const callers: Connection[] = []
    const { connect } = serve({ authenticate: ({ connection }) => (callers.push(connection), false) })
    connect().handle.arrive(HELLO)
    expect(callers.map(({ session }) => session)).toEqual([undefined])
  })

  it.each<[string, ServiceHooks['authenticate'], string, string]>([
    ['says false', () => false, 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
    ['forgets to say anything', (() => undefined) as () => undefined, 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
    ['says something else', () => 'yes' as never, 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
    ['says no later', async () => Promise.resolve(null), 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
    [
      'refuses by an error of the table',
      () => Promise.reject(new ShardwireError(OVERLOADED, 'later')),
      'OVERLOADED',
      'UNAUTHENTICATED',
    ],
    [
      'fails',
      () => {
        throw new Error('secret')
      },
      'HANDLER_FAILED',
      'SERVICE_FAILED',
    ],
  ])('that %s lets nobody in, and what came behind HELLO is not served', async (_, authenticate, told, reason) => {
    const { connect, closes, hookFaults } = serve({ authenticate })
    const peer = connect()
    peer.handle.arrive(Buffer.concat([HELLO, echoFrame]))
    await nextTurn()
    expect(outcome(peer)).toEqual([[`3 0 0 ${told}`], ['shutdown']])
    expect(peer.handle.sent.includes('secret')).toBe(false)
    peer.handle.finLeaves()
    peer.handle.arriveEnd()
    peer.handle.closes()
    expect(closes()).toEqual({ [reason]: 1 })
    expect(hookFaults.map(([hook]) => hook)).toEqual(reason === 'SERVICE_FAILED' ? ['authenticate'] : [])
  })

  it.each([
    ['a REQUEST', echoFrame, `3 ${ECHO} 1 UNAUTHENTICATED`],
    ['a MESSAGE', encodeFrame({ kind: KIND_MESSAGE, route: ECHO, body: BODY }), '3 0 0 UNAUTHENTICATED'],
    ['a CANCEL', encodeFrame({ kind: 4, route: ECHO, id: 1 }), '3 0 0 UNAUTHENTICATED'],
    ['an unknown opcode', encodeFrame({ kind: KIND_CONTROL, route: 9 }), '3 0 0 UNAUTHENTICATED'],
  ])('%s before HELLO is UNAUTHENTICATED', (_, frame, told) => {
    const { connect } = serve({ authenticate: lets })
    const peer = connect()
    peer.handle.arrive(Buffer.concat([pingFrame, frame, HELLO]))
    expect(outcome(peer)).toEqual([[PONG, told], ['shutdown']])
  })

  it('without HELLO in time is a TIMEOUT; once it is let in time is its own', async () => {
    const { connect, clock } = serve({ authenticate: lets })
    const [silent, quick] = [connect(), connect()]
    quick.handle.arrive(HELLO)
    clock.advance(TIMEOUT_MS + 40)
    expect([outcome(silent), quick.answers()]).toEqual([[['3 0 0 TIMEOUT'], ['shutdown']], [WELCOME]])
    clock.advance(10 * TIMEOUT_MS)
    quick.handle.arrive(echoFrame)
    expect(quick.answers()).toEqual([ECHOED])
  })

  it('that takes longer than the handshake may is a TIMEOUT, and what it says then means nothing', async () => {
    const { calls, hook } = controlled<Credentials>()
    const { connect, clock, faults } = serve({ authenticate: hook })
    const peer = connect()
    peer.handle.arrive(Buffer.concat([HELLO, echoFrame]))
    expect(peer.handle.reading).toBe(false)
    clock.advance(TIMEOUT_MS + 40)
    expect(outcome(peer)).toEqual([['3 0 0 TIMEOUT'], ['shutdown']])
    calls[0]?.resolve(true)
    await nextTurn()
    expect([peer.answers(), faults]).toEqual([[], []])
  })

  it('for a connection that closes meanwhile sends nothing', async () => {
    const { calls, hook } = controlled<Credentials>()
    const connected: string[] = []
    const { connect, faults, clock } = serve({ authenticate: hook, onConnect: ({ id }) => void connected.push(id) })
    const peer = connect()
    peer.handle.arrive(HELLO)
    peer.handle.arriveReset()
    peer.handle.closes()
    calls[0]?.resolve(true)
    await nextTurn()
    clock.advance(40)
    expect([peer.answers(), connected, faults, clock.pendingTimers]).toEqual([[], [], [], 0])
  })

  it('runs so many times at once as handshakes may; the others wait in order, each for its own time', async () => {
    const { calls, hook } = controlled<Credentials>()
    const { connect, clock } = serve({ authenticate: hook }, { SHARDWIRE_MAX_HANDSHAKES: '1' })
    const [first, second, third] = [connect(), connect(), connect()]
    for (const peer of [first, second, third]) peer.handle.arrive(HELLO)
    expect(calls.length).toBe(1)
    second.handle.arriveReset()
    second.handle.closes()
    calls[0]?.resolve(true)
    await nextTurn()
    expect([calls.length, first.answers(), third.answers()]).toEqual([2, [WELCOME], []])
    calls[1]?.resolve(true)
    await nextTurn()
    expect(third.answers()).toEqual([WELCOME])
    clock.advance(TIMEOUT_MS * 2)
    expect([first.answers(), third.answers()]).toEqual([[], []])
  })
})

describe('a service that lets everybody in', () => {
  it('has a session with who says HELLO, from then on, and with nobody else', () => {
    const { connect } = serve({})
    const [silent, named, nameless] = [connect(), connect(), connect()]
    const sessionOf = (peer: FakePeer): unknown => {
      peer.handle.arrive(echoFrame)
      // Made when the service first asks for it.
      peer.send({ kind: KIND_REQUEST, route: WHO, id: 2 })
      return peer.connection.served?.session
    }
    named.handle.arrive(HELLO)
    nameless.handle.arrive(encodeHello({ protocol: 1 }))
    expect(sessionOf(silent)).toBeUndefined()
    expect(sessionOf(named)).toMatchObject({ client: { name: 'device', version: '2' }, isAuthenticated: false })
    expect(sessionOf(nameless)).toMatchObject({ client: { name: undefined, version: undefined } })
    expect(JSON.stringify(sessionOf(named))).not.toContain('sesame')
  })
})

describe('onConnect', () => {
  it.each([
    ['at once', ({ send }: { send: () => void }): void => send()],
    ['later', async ({ send }: { send: () => void }): Promise<void> => Promise.resolve().then(send)],
  ])('may speak first, %s, and nothing is served before it is done', async (_, run) => {
    const { connect } = serve({ onConnect: (connection) => run({ send: () => void connection.send(7, 'welcome') }) })
    const peer = connect()
    await nextTurn()
    peer.handle.arrive(echoFrame)
    await nextTurn()
    expect(peer.answers()).toEqual([`${KIND_MESSAGE} 7 0`, ECHOED])
  })

  it('comes behind authenticate and WELCOME', async () => {
    const seen: unknown[] = []
    const { connect } = serve({
      authenticate: async () => Promise.resolve({ user: 'ali' }),
      onConnect: (connection) => {
        seen.push(connection.attributes['user'])
        connection.send(7, 'hi')
      },
    })
    const peer = connect()
    peer.handle.arrive(HELLO)
    await nextTurn()
    expect([seen, peer.answers()]).toEqual([['ali'], [WELCOME, `${KIND_MESSAGE} 7 0`]])
  })

  it.each<[string, () => never, string, string]>([
    [
      'an error of the table',
      () => {
        throw new ShardwireError(OVERLOADED, 'the room is full')
      },
      'OVERLOADED',
      'SERVICE_REFUSED',
    ],
    [
      'anything else',
      () => {
        throw new Error('secret')
      },
      'HANDLER_FAILED',
      'SERVICE_FAILED',
    ],
  ])('that throws %s ends the connection, and onDisconnect does not hear of it', async (_, run, told, reason) => {
    const left: string[] = []
    for (const onConnect of [run, async () => Promise.resolve().then(run)]) {
      const { connect, closes } = serve({ onConnect, onDisconnect: ({ id }) => void left.push(id) })
      const peer = connect()
      await nextTurn()
      expect(outcome(peer)).toEqual([[`3 0 0 ${told}`], ['shutdown']])
      peer.handle.finLeaves()
      peer.handle.arriveEnd()
      peer.handle.closes()
      expect(closes()).toEqual({ [reason]: 1 })
    }
    expect(left).toEqual([])
  })

  it('that never ends is a TIMEOUT', () => {
    const { connect, clock } = serve({ onConnect: () => new Promise(() => undefined) })
    const peer = connect()
    clock.advance(TIMEOUT_MS + 40)
    expect(outcome(peer)).toEqual([['3 0 0 TIMEOUT'], ['shutdown']])
  })

  it('may close or reset the connection that it is given', async () => {
    for (const end of ['close', 'reset'] as const) {
      const left: string[] = []
      const made = serve({
        onConnect: (connection) => connection[end](),
        onDisconnect: (_, { reason }) => void left.push(reason),
      })
      const peer = made.connect()
      await nextTurn()
      expect(outcome(peer)[1]).toEqual([end === 'close' ? 'shutdown' : 'reset'])
      expect([left, made.faults]).toEqual([[end === 'close' ? 'SERVICE_CLOSED' : 'SERVICE_RESET'], []])
    }
  })
})

describe('onDisconnect', () => {
  it('comes once, with the reason; what it sends goes nowhere, and to others it arrives', async () => {
    const room = new Set<Connection>()
    const ends: string[] = []
    const made = serve({
      onConnect: (connection) => void room.add(connection),
      onDisconnect: (connection, { reason }) => {
        room.delete(connection)
        ends.push(`${reason} ${String(connection.send(7, 'to the dead'))} ${connection.isOpen}`)
        for (const other of room) other.send(7, 'somebody left')
      },
    })
    const [leaving, staying] = [made.connect(), made.connect()]
    leaving.handle.arriveEnd()
    await nextTurn()
    leaving.handle.finLeaves()
    leaving.handle.closes()
    await nextTurn()
    expect(ends).toEqual(['PEER_ENDED false false'])
    expect([leaving.answers(), staying.answers()]).toEqual([[], [`${KIND_MESSAGE} 7 0`]])
  })

  it('comes behind an onConnect that was still running when the connection ended', async () => {
    const { calls, hook } = controlled<void>()
    const order: string[] = []
    const made = serve({
      onConnect: async () => hook().then(() => void order.push('connected')),
      onDisconnect: () => void order.push('disconnected'),
    })
    const peer = made.connect()
    peer.handle.arriveReset()
    peer.handle.closes()
    await nextTurn()
    expect(order).toEqual([])
    calls[0]?.resolve()
    await nextTurn()
    expect([order, made.faults]).toEqual([['connected', 'disconnected'], []])
  })

  it('that fails, at once or later, is told and ends nothing', async () => {
    let count = 0
    const fail = (): void => {
      throw new Error(`no ${++count}`)
    }
    for (const onDisconnect of [fail, async () => Promise.resolve().then(fail)]) {
      const { connect, hookFaults, faults } = serve({ onDisconnect })
      const [peer, neighbour] = [connect(), connect()]
      peer.handle.arriveReset()
      peer.handle.closes()
      await nextTurn()
      expect([hookFaults.map(([hook]) => hook), faults]).toEqual([['onDisconnect'], []])
      neighbour.handle.arrive(echoFrame)
      expect(neighbour.answers()).toEqual([ECHOED])
    }
  })
})

describe('an ERROR for a client that is not let in', () => {
  it('says what the service said', () => {
    const { connect } = serve({
      authenticate: () => {
        throw new ShardwireError(OVERLOADED, 'come back at noon', { retryAfterMs: 60_000 })
      },
    })
    const peer = connect()
    peer.handle.arrive(HELLO)
    const [error] = peer.received()
    expect(error?.kind).toBe(KIND_ERROR)
    const body = error?.body ?? new Uint8Array(0)
    expect(decodeErrorBody(body, 0, body.length)).toMatchObject({ message: 'come back at noon', retryAfterMs: 60_000 })
  })
})
