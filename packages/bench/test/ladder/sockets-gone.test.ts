import { FakeClock } from '@shardwire/testkit'
import { expect, test } from 'vitest'

import { untilGone } from '../../src/ladder/sockets-gone.ts'

/** Whether it has ended, and sockets that the test sets. */
function waiting(before: number | null, signal = new AbortController().signal) {
  const clock = new FakeClock()
  const state = { sockets: 100 as number | null, isOver: false }
  const over = untilGone(before, { clock, signal }, () => state.sockets).then(() => {
    state.isOver = true
    return undefined
  })
  return { clock, state, over }
}

test('it is over when there are as many as before', async () => {
  const { clock, state, over } = waiting(10)
  clock.advance(2500)
  state.sockets = 50
  clock.advance(2500)
  await Promise.resolve()
  expect(state.isOver).toBe(false)
  state.sockets = 9
  clock.advance(250)
  await over
  expect(state.isOver).toBe(true)
})

test('it is over when no more go', async () => {
  const { clock, state, over } = waiting(10)
  state.sockets = 30
  clock.advance(1000)
  clock.advance(2000)
  await Promise.resolve()
  expect(state.isOver).toBe(false)
  clock.advance(250)
  await over
})

test('it is over at once when nothing is known, or when the ladder is cut short', async () => {
  await waiting(null).over
  const cut = new AbortController()
  const { over } = waiting(10, cut.signal)
  cut.abort()
  await over
})
