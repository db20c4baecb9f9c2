/** Rules of the race of addresses, on sockets that do what the test says. */
import { FakeClock, withSeed } from '@shardwire/testkit'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Race } from '../../src/dial/race.ts'

/** As much of a socket as a race looks at. */
class FakeSocket extends EventEmitter {
  isDestroyed = false

  destroy(): this {
    this.isDestroyed = true
    return this
  }
}

interface Field {
  readonly clock: FakeClock
  readonly race: Race
  /** What was opened, with the time since the start. */
  readonly opened: string[]
  readonly sockets: Map<string, FakeSocket>
  readonly ends: string[]
  readonly failed: string[]
}

function createField(): Field {
  const clock = new FakeClock()
  const startMs = clock.nowMs()
  const field = {
    clock,
    opened: [] as string[],
    sockets: new Map<string, FakeSocket>(),
    ends: [] as string[],
    failed: [] as string[],
  }
  const open = (address: string): Socket => {
    field.opened.push(`${clock.nowMs() - startMs} ${address}`)
    const socket = new FakeSocket()
    field.sockets.set(address, socket)
    return socket as unknown as Socket
  }
  const race = new Race(
    { open, clock, attemptDelayMs: 250 },
    {
      onWon: (_socket, address) => field.ends.push(`won ${address}`),
      onTryFailed: ({ address, tookMs, error }) => field.failed.push(`${address} ${tookMs} ${error.message}`),
      onLost: (error) => field.ends.push(`lost ${error.message}`),
    },
  )
  return { ...field, race }
}

function connect(field: Field, address: string): void {
  field.sockets.get(address)?.emit('connect')
}

function fail(field: Field, address: string, message = 'refused'): void {
  field.sockets.get(address)?.emit('error', new Error(message))
}

function expectNothingLeft(field: Field, winner?: string): void {
  expect(field.clock.pendingTimers).toBe(0)
  for (const [address, socket] of field.sockets) {
    expect([address, socket.isDestroyed]).toEqual([address, address !== winner])
    if (address === winner) expect(socket.eventNames()).toEqual([])
  }
}

describe('a race', () => {
  it('starts one address every 250 ms, families in turn, IPv6 first', () => {
    const field = createField()
    field.race.add(6, ['6a', '6b'])
    field.race.add(4, ['4a', '4b', '4c'])
    field.race.complete()
    field.clock.advance(2000)
    expect(field.opened).toEqual(['0 6a', '250 4a', '500 6b', '750 4b', '1000 4c'])
    connect(field, '4b')
    expect(field.ends).toEqual(['won 4b'])
    expectNothingLeft(field, '4b')
  })

  it('starts the next at once when one fails, and the delay begins anew', () => {
    const field = createField()
    field.race.add(4, ['a', 'b', 'c'])
    field.clock.advance(100)
    fail(field, 'a')
    field.clock.advance(250)
    expect(field.opened).toEqual(['0 a', '100 b', '350 c'])
    expect(field.failed).toEqual(['a 100 refused'])
  })

  it('lets an early attempt win late: the later ones ended nothing', () => {
    const field = createField()
    field.race.add(4, ['slow', 'b', 'c'])
    field.race.complete()
    field.clock.advance(10_000)
    fail(field, 'b')
    fail(field, 'c')
    expect(field.ends).toEqual([])
    connect(field, 'slow')
    expect(field.ends).toEqual(['won slow'])
    expectNothingLeft(field, 'slow')
  })

  it('is lost with the last failure, once no more addresses can come', () => {
    const field = createField()
    field.race.add(4, ['a'])
    fail(field, 'a')
    expect(field.ends).toEqual([])
    field.race.add(6, ['b'])
    field.race.complete()
    fail(field, 'b', 'unreachable')
    expect(field.ends).toEqual(['lost unreachable'])
    expectNothingLeft(field)
  })

  it('takes addresses that come later, each once', () => {
    const field = createField()
    field.race.add(4, ['a'])
    field.clock.advance(1000)
    field.race.add(6, ['b', 'b', 'a'])
    expect(field.opened).toEqual(['0 a', '1000 b'])
    field.clock.advance(1000)
    expect(field.opened).toHaveLength(2)
  })

  it('tries no more than 32 addresses', () => {
    const field = createField()
    const many = Array.from({ length: 1000 }, (_, index) => `a${index}`)
    field.race.add(4, many)
    field.clock.advance(250 * 1000)
    expect(field.opened).toHaveLength(32)
  })

  it('that is stopped tells nothing and leaves nothing', () => {
    const field = createField()
    field.race.add(4, ['a', 'b', 'c'])
    field.clock.advance(300)
    field.race.stop()
    for (const socket of field.sockets.values()) {
      expect(socket.listenerCount('connect')).toBe(0)
      socket.emit('error', new Error('late'))
    }
    field.clock.advance(5000)
    expect([field.ends, field.opened.length]).toEqual([[], 2])
    expectNothingLeft(field)
  })

  it('ends once and leaves nothing, whatever happens in whatever order', async () => {
    await withSeed('races', (random) => {
      for (let round = 0; round < 200; round++) {
        const field = createField()
        const alive = new Set<string>()
        let isComplete = false
        const names = Array.from({ length: 6 }, (_, index) => `x${index}`)
        for (let step = 0; step < 40 && field.ends.length === 0; step++) {
          const what = random.integer(0, 9)
          const running = [...field.sockets.keys()].filter((name) => !alive.has(name))
          if (what < 2 && !isComplete) field.race.add(random.pick([4, 6] as const), [random.pick(names)])
          else if (what < 4) field.clock.advance(random.integer(0, 300))
          else if (what < 8 && running.length > 0) {
            const name = random.pick(running)
            alive.add(name)
            fail(field, name)
          } else if (what === 8 && running.length > 0) connect(field, random.pick(running))
          else if (what === 9) {
            isComplete = true
            field.race.complete()
          }
        }
        if (field.ends.length === 0) field.race.stop()
        expect(field.ends.length).toBeLessThanOrEqual(1)
        expectNothingLeft(field, field.ends[0]?.startsWith('won ') === true ? field.ends[0].slice(4) : undefined)
      }
    })
  })
})
