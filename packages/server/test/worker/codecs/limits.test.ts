/** Owns the tests of what limits and hooks do to each codec, where a fake clock is needed, or a handler that waits. */
import { ShardwireError, UNAUTHENTICATED } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { ServiceHooks } from '../../../src/service/hooks.ts'
import { route } from '../../../src/service/route.ts'
import { type FakeShard, fakeShard } from '../fake-shard.ts'
import { CodecPeer, demoRoutes, starred } from './codec-peer.ts'

const TICK_MS = 20

interface Tongue {
  readonly listen: string
  readonly ask: (route?: string) => string
  /** What is told of an error, by its code, its name and whether it is retryable; '' where it is told by a close. */
  readonly told: (uid: string, code: number, name: string, retryable?: boolean) => string
}

const closes = { told: () => '' }
const TONGUES: Readonly<Record<string, Tongue>> = {
  json: {
    listen: 'codec=json',
    ask: (name = 'echo') => `{"uid":7,"route":"${name}","val":"x"}`,
    told: (uid, code, name, retryable = true) =>
      `{${uid}"error":{"code":${code},"name":"${name}","message":"*","retryable":${retryable}}}`,
  },
  line: { listen: 'codec=line&route=echo', ask: () => 'x\n', ...closes },
  raw: { listen: 'codec=raw&route=echo', ask: () => 'x', ...closes },
}

const UID = '"uid":7,'

function shardOf(tongue: Tongue, environment = {}, routes = {}, hooks: ServiceHooks = {}): FakeShard {
  const env = { SHARDWIRE_LISTEN: `tcp://127.0.0.1:1?${tongue.listen}`, ...environment }
  return fakeShard(env, { ...demoRoutes(), ...routes }, () => 0, undefined, hooks)
}

/** What it was told, and how its connection ended, if it did. */
function outcome({ closes: counts }: FakeShard, peer: CodecPeer): [string, Record<string, number>] {
  const said = starred(peer.received().trim())
  if (peer.isFinished) {
    peer.handle.finLeaves()
    peer.handle.arriveEnd()
    peer.handle.closes()
  }
  return [said, counts()]
}

describe.each(Object.entries(TONGUES))('%s', (name, tongue) => {
  const speaks = name === 'json'

  it('a worker that is overloaded sheds its messages', async () => {
    const made = shardOf(tongue, { SHARDWIRE_OVERLOAD_DELAY_MS: '100' })
    const peer = new CodecPeer(made.shard)
    // Late each time the loop turns, for long enough to shed requests, all of them with this chance.
    for (let round = 0; round < 40; round++) {
      made.clock.hold(200)
      made.clock.advance(TICK_MS)
      await nextTurn()
    }
    expect(made.shard.counters.overload).toBeGreaterThanOrEqual(2)
    peer.send(tongue.ask())
    expect(outcome(made, peer)).toEqual([tongue.told(UID, 11, 'OVERLOADED'), speaks ? {} : { ERROR_UNSPOKEN: 1 }])
    expect(made.shard.counters.shed).toBe(1)
  })

  it('handlers of a worker, and of a route, are limited', async () => {
    const never = {
      echo: route(1, { body: 'bytes', maxConcurrent: 1 }, () => new Promise<Uint8Array>(() => undefined)),
    }
    for (const environment of [{}, { SHARDWIRE_MAX_HANDLERS: '1' }]) {
      const made = shardOf(tongue, environment, never)
      const [first, second] = [new CodecPeer(made.shard), new CodecPeer(made.shard)]
      first.send(tongue.ask())
      second.send(tongue.ask())
      expect(outcome(made, second)).toEqual([tongue.told(UID, 11, 'OVERLOADED'), speaks ? {} : { ERROR_UNSPOKEN: 1 }])
      expect(made.shard.counters.handlersRunning).toBe(1)
      await nextTurn()
    }
  })

  it('requests in flight are limited, where more than one may be', () => {
    const never = { echo: route(1, { body: 'bytes' }, () => new Promise<Uint8Array>(() => undefined)) }
    const made = shardOf(tongue, { SHARDWIRE_MAX_IN_FLIGHT: '2' }, never)
    const peer = new CodecPeer(made.shard)
    for (let n = 0; n < (speaks ? 3 : 2); n++) peer.send(tongue.ask())
    expect(made.shard.counters.callsInFlight).toBe(speaks ? 2 : 1)
    expect(outcome(made, peer)).toEqual([speaks ? tongue.told(UID, 11, 'OVERLOADED') : '', {}])
  })

  it('who goes on past the rate for ten seconds is closed', () => {
    const made = shardOf(tongue, { SHARDWIRE_MESSAGE_RATE: '2' })
    const peer = new CodecPeer(made.shard)
    for (let ms = 0; ms < 12_000 && !peer.isFinished; ms += 100) {
      peer.send(tongue.ask())
      made.clock.advance(100)
    }
    const last = peer.lines().at(-1) ?? ''
    expect(speaks ? starred(last) : '').toBe(tongue.told('', 13, 'RATE_LIMITED'))
    expect(outcome(made, peer)[1]).toEqual({ RATE_LIMITED: 1 })
  })

  it('signs of life have a rate of their own, and keep an idle connection', () => {
    const made = shardOf(tongue, { SHARDWIRE_MESSAGE_RATE: '2', SHARDWIRE_IDLE_TIMEOUT_MS: '1000' })
    if (name === 'raw') return
    const peer = new CodecPeer(made.shard)
    const life = speaks ? '{}' : 'HEARTBEAT\n'
    peer.send(life.repeat(500))
    expect(peer.received().length).toBe(speaks ? 0 : 100 * life.length)
    for (let second = 0; second < 5; second++) {
      made.clock.advance(900)
      peer.send(life)
    }
    expect(peer.isFinished).toBe(false)
    made.clock.advance(1100)
    expect(outcome(made, peer)[1]).toEqual({ IDLE_TIMEOUT: 1 })
    expect(made.shard.counters.lifeSigns).toBe(505)
  })

  it('authenticate is asked at connect, without a token, before anything is read', async () => {
    const asked: unknown[] = []
    const verdict = Promise.withResolvers<boolean>()
    const made = shardOf(
      tongue,
      {},
      {},
      {
        authenticate: ({ token, client, connection }) => {
          asked.push([token, client, connection.listener.codec])
          return verdict.promise
        },
      },
    )
    const peer = new CodecPeer(made.shard)
    expect([asked, peer.handle.reading]).toEqual([[[undefined, {}, name]], false])
    verdict.resolve(true)
    await nextTurn()
    peer.send(tongue.ask())
    expect(peer.received()).not.toBe('')
  })

  it('whom it does not let in is told so, where that can be told, and closed', () => {
    for (const authenticate of [() => false, () => raise(new ShardwireError(UNAUTHENTICATED, 'not you'))]) {
      const made = shardOf(tongue, {}, {}, { authenticate })
      const peer = new CodecPeer(made.shard)
      expect(outcome(made, peer)).toEqual([tongue.told('', 7, 'UNAUTHENTICATED', false), { UNAUTHENTICATED: 1 }])
    }
  })

  it('the service may speak first, where something may be sent unasked', async () => {
    const faults: unknown[] = []
    const made = shardOf(
      tongue,
      {},
      {},
      {
        onConnect: (connection) => {
          try {
            connection.send(1, 'welcome')
          } catch (error) {
            faults.push(error)
          }
        },
      },
    )
    const peer = new CodecPeer(made.shard)
    await nextTurn()
    expect(peer.received()).toBe({ json: '', line: 'welcome\n', raw: 'welcome' }[name])
    expect(faults).toHaveLength(speaks ? 1 : 0)
  })

  function raise(error: Error): never {
    throw error
  }
})
