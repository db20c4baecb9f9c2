import { CallCounter, FakeClock, nextTurn, withinLimit } from '@shardwire/testkit'
import { expect, test } from 'vitest'

import type { SlowMessage } from '../../src/slow/slow-messages.ts'
import { SlowRunner } from '../../src/slow/slow-runner.ts'
import { openDial } from '../../src/socket/open-dial.ts'
import type { Wire, WireEvents } from '../../src/socket/wire.ts'
import { EchoServer } from '../fixtures/echo-server.ts'

function start({ port }: { readonly port: number }): {
  clock: FakeClock
  runner: SlowRunner
  messages: CallCounter<[SlowMessage]>
} {
  const clock = new FakeClock()
  const messages = new CallCounter<[SlowMessage]>()
  const route = { hosts: ['127.0.0.1'], port, localAddress: null }
  const plan = { route, echoRoute: 1, connections: 2, bytesPerSecond: 2048, payloadBytes: 1000 }
  return {
    clock,
    messages,
    runner: new SlowRunner(plan, { clock, emit: (message) => messages.call(message), openDial }),
  }
}

test('slow readers ask without end, and read no faster than they may', async () => {
  await using server = await EchoServer.listen()
  const { clock, runner } = start(server)
  await server.until('frames', () => server.frames > 100)
  for (let second = 0; second < 3; second++) {
    for (let turn = 0; turn < 20; turn++) {
      clock.advance(50)
      const { frames } = server
      await server.until('a turn of the loop', () => server.frames >= frames)
    }
  }
  // Three seconds, two readers; a piece of the slab each may have been in the making.
  expect(runner.bytesRead).toBeLessThanOrEqual(2 * (3 * 2048 + 1024))
  expect(runner.bytesSent).toBeGreaterThan(100_000)
  runner.stop()
})

test('one that the server ends is counted, and comes again a second later', async () => {
  await using server = await EchoServer.listen()
  const { clock, messages, runner } = start(server)
  await server.until('two', () => server.sockets.size === 2)
  for (const socket of server.sockets) socket.resetAndDestroy()
  await server.until('none', () => server.sockets.size === 0)
  // A reader that is paused notices its end when it may read again; then its timer waits beside the two that there are.
  while (clock.pendingTimers < 4) {
    clock.advance(50)
    await nextTurn()
  }
  clock.advance(1000)
  await server.until('two again', () => server.connectionsSeen === 4)
  runner.stop()
  await withinLimit(messages.reached(1), () => 'nothing said')
  const last = messages.calls.at(-1)?.[0]
  if (last?.type !== 'stopped') throw new Error('not stopped')
  expect(last.report.ended).toBe(2)
  expect(Object.values(last.report.endedBy).reduce((sum, one) => sum + one, 0)).toBe(2)
})

test('how many were up is told of the end of the load, though they are gone as soon as they are reset', () => {
  const wire = (events: WireEvents): Wire => {
    return { write: () => false, pause: () => {}, resume: () => {}, close: () => {}, reset: () => events.onDown(null) }
  }
  const dialled: WireEvents[] = []
  const told: SlowMessage[] = []
  const route = { hosts: ['127.0.0.1'], port: 1, localAddress: null }
  const plan = { route, echoRoute: 1, connections: 3, bytesPerSecond: 2048, payloadBytes: 1000 }
  const runner = new SlowRunner(plan, {
    clock: new FakeClock(),
    emit: (message) => told.push(message),
    openDial: (slab) => ({
      slab,
      dial: (_address, events) => {
        dialled.push(events)
        return wire(events)
      },
    }),
  })
  for (const events of dialled) events.onUp()
  runner.stop()
  expect(told).toMatchObject([{ type: 'stopped', report: { up: 3, ended: 0 } }])
  expect(runner.up).toBe(0)
})
