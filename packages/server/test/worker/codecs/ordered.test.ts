/** Owns the tests of ordered codecs: one message after the other, whatever their handlers do meanwhile. */
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { route } from '../../../src/service/route.ts'
import type { Request } from '../../../src/service/request.ts'
import { heldBytes } from '../../../src/worker/budget.ts'
import { type FakeShard, fakeShard } from '../fake-shard.ts'
import { CodecPeer, demoRoutes } from './codec-peer.ts'

const LINES = { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:1?codec=line&route=slow,tcp://127.0.0.1:2?codec=json' }

/** A route that answers when it is told to, and what was asked of it so far. */
class SlowRoute {
  readonly asked: string[] = []
  readonly aborted: string[] = []
  #waiting: (() => void)[] = []

  readonly run = async (request: Request<Uint8Array>): Promise<Uint8Array> => {
    const { signal } = request
    const text = Buffer.from(request.bytes).toString()
    this.asked.push(text)
    signal.addEventListener('abort', () => this.aborted.push(text))
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return request.bytes
  }

  /** The one that waits longest, or the last of them, answers. */
  async answer(which: 'first' | 'last' = 'first'): Promise<void> {
    const resolve = which === 'first' ? this.#waiting.shift() : this.#waiting.pop()
    resolve?.()
    await nextTurn()
  }
}

function scene(environment: Readonly<Record<string, string>> = {}): FakeShard & { slow: SlowRoute } {
  const slow = new SlowRoute()
  const routes = { ...demoRoutes(), slow: route(7, { body: 'bytes' }, slow.run) }
  return { ...fakeShard({ ...LINES, ...environment }, routes), slow }
}

describe('lines whose handler takes its time', () => {
  it('are begun when the one before has been answered, and answered in order', async () => {
    const { shard, slow, faults, misuses } = scene()
    const peer = new CodecPeer(shard)
    peer.send('a\nb\nc\n')
    expect(slow.asked).toEqual(['a'])
    await slow.answer()
    expect([peer.received(), slow.asked]).toEqual(['a\n', ['a', 'b']])
    await slow.answer()
    await slow.answer()
    expect([peer.received(), slow.asked]).toEqual(['b\nc\n', ['a', 'b', 'c']])
    // A ring may go only while something is read.
    peer.send('d\n')
    expect(heldBytes(peer.connection)).toBe(0)
    expect([faults, misuses]).toEqual([[], []])
  })

  it('of JSON are begun at once, and answered as they are ready', async () => {
    const { shard, slow } = scene()
    const peer = new CodecPeer(shard, 1)
    peer.send('{"uid":1,"route":"slow","val":"a"}{"uid":"b","route":"slow","val":"b"}{"route":"slow","val":"c"}')
    expect(slow.asked).toEqual(['a', 'b', 'c'])
    for (const which of ['last', 'first', 'first'] as const) await slow.answer(which)
    expect(peer.lines().map((line) => line.slice(0, 20))).toEqual([
      '{"val":"c","ts":"202',
      '{"uid":1,"val":"a","',
      '{"uid":"b","val":"b"',
    ])
    expect(peer.connection.tags?.size).toBe(0)
  })

  it('reading goes on until more comes: so the end of a client that waits is noticed', async () => {
    const { shard, slow, closes } = scene()
    const peer = new CodecPeer(shard)
    peer.send('a\n')
    expect(peer.handle.reading).toBe(true)
    peer.handle.arriveReset()
    peer.handle.closes()
    await nextTurn()
    expect(slow.aborted).toEqual(['a'])
    expect(closes()).toEqual({ PEER_RESET: 1 })
  })

  it('what comes meanwhile waits in a ring, and then nothing more is read', async () => {
    const { shard, slow } = scene()
    const peer = new CodecPeer(shard)
    peer.send('a\n')
    peer.send('b\n')
    expect([peer.handle.reading, slow.asked]).toEqual([false, ['a']])
    await slow.answer()
    expect([peer.handle.reading, slow.asked]).toEqual([true, ['a', 'b']])
    await slow.answer()
    expect(peer.received()).toBe('a\nb\n')
  })

  it('are all answered before the FIN that came behind them is, an unfinished last one too', async () => {
    const { shard, slow, closes } = scene()
    const peer = new CodecPeer(shard)
    peer.send('a\nb')
    peer.handle.reading = true
    peer.handle.arriveEnd()
    expect(slow.asked).toEqual(['a'])
    await slow.answer()
    expect([peer.received(), slow.asked, peer.isFinished]).toEqual(['a\n', ['a', 'b'], false])
    await slow.answer()
    expect([peer.received(), peer.isFinished]).toEqual(['b\n', true])
    peer.handle.finLeaves()
    peer.handle.closes()
    expect(closes()).toEqual({ PEER_ENDED: 1 })
    expect(shard.pool.leasedBlocks).toBe(0)
  })

  it('one that misses its deadline closes: the answers behind it would be taken for its own', async () => {
    const { shard, slow, clock, closes } = scene({ SHARDWIRE_REQUEST_TIMEOUT_MS: '1000' })
    const peer = new CodecPeer(shard)
    peer.send('a\nb\n')
    clock.advance(1100)
    await nextTurn()
    expect([peer.received(), peer.isFinished, slow.asked, slow.aborted]).toEqual(['', true, ['a'], ['a']])
    peer.handle.finLeaves()
    peer.handle.arriveEnd()
    peer.handle.closes()
    expect(closes()).toEqual({ ERROR_UNSPOKEN: 1 })
  })

  it('a handler that has its answer at once does not keep the loop from others', async () => {
    const quick = async ({ bytes }: Request<Uint8Array>): Promise<Uint8Array> => Promise.resolve(bytes.slice())
    const { shard, faults } = fakeShard(
      { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:1?codec=line&route=quick' },
      { quick: route(7, { body: 'bytes' }, quick) },
    )
    const peer = new CodecPeer(shard)
    peer.send('x\n'.repeat(1000))
    let turns = 0
    let received = ''
    for (; received.length < 2000; turns++) {
      await nextTurn()
      received += peer.received()
    }
    expect([received, faults]).toEqual(['x\n'.repeat(1000), []])
    expect(turns).toBeGreaterThan(20)
  })
})
