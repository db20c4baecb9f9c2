import { expect, test } from 'vitest'
import net from 'node:net'

import { FakeClock } from '../src/fake-clock.ts'
import { CallCounter } from '../src/latch.ts'
import { StallingEcho } from '../src/stalling-echo.ts'
import { withinLimit } from '../src/time-limit.ts'

test('gives back what comes, holds it while it stalls, and then gives back all of it in order', async () => {
  const clock = new FakeClock()
  await using echo = await StallingEcho.listen(clock)
  echo.stallAfter(6, 1400)
  const socket = net.connect(echo.port, '127.0.0.1')
  const chunks = new CallCounter<[string]>()
  socket.on('data', (chunk: Buffer) => chunks.call(chunk.toString()))
  socket.write('one')
  await withinLimit(chunks.reached(1), () => 'no echo')
  socket.write('two')
  await withinLimit(
    (async () => {
      while (clock.pendingTimers === 0) await new Promise(setImmediate)
    })(),
    () => 'no stall',
  )
  socket.write('three')
  await withinLimit(
    (async () => {
      while (echo.bytesReceived < 11) await new Promise(setImmediate)
    })(),
    () => 'not received',
  )
  expect(chunks.calls).toEqual([['one']])
  clock.advance(1400)
  await withinLimit(chunks.reached(2), () => 'nothing after the stall')
  while (chunks.calls.flat().join('').length < 11) await new Promise(setImmediate)
  expect(chunks.calls.flat().join('')).toBe('onetwothree')
  socket.destroy()
})
