import { CallCounter, FakeClock, withinLimit } from '@shardwire/testkit'
import { expect, test } from 'vitest'

import type { ChurnMessage, ChurnPlan, ChurnReport } from '../../src/churn/churn-messages.ts'
import { ChurnRunner } from '../../src/churn/churn-runner.ts'
import { LatencySums } from '../../src/histogram/latency-sums.ts'
import { openDial } from '../../src/socket/open-dial.ts'
import { EchoServer, echoOf, withWrongByte } from '../fixtures/echo-server.ts'

class RunningChurn {
  readonly clock = new FakeClock()
  readonly runner: ChurnRunner
  readonly #messages = new CallCounter<[ChurnMessage]>()

  constructor({ port }: { readonly port: number }, change: Partial<ChurnPlan> = {}) {
    const route = { hosts: ['127.0.0.1'], port, localAddress: null }
    const times = { perSecond: 10, warmupMs: 0, durationMs: 1000 }
    const plan = { route, codec: 'frame', echoRoute: 1, connectionFirst: 0, close: 'fin', ...times, ...change } as const
    const emit = (message: ChurnMessage): void => this.#messages.call(message)
    this.runner = new ChurnRunner(plan, { clock: this.clock, emit, openDial })
    this.runner.start()
  }

  /** What it said last, once nothing is under way; its latencies are those of all reports. */
  async done(): Promise<Omit<ChurnReport, 'connect' | 'firstAnswer'> & Record<'connect' | 'firstAnswer', LatencySums>> {
    const [connect, firstAnswer] = [new LatencySums(), new LatencySums()]
    for (let count = 1; ; count++) {
      await withinLimit(this.#messages.reached(count), () => 'not done')
      const message = this.#messages.calls[count - 1]?.[0]
      if (message === undefined || message.type === 'ready') throw new Error('no report')
      connect.add(message.report.connect)
      firstAnswer.add(message.report.firstAnswer)
      if (message.type === 'done') return { ...message.report, connect, firstAnswer }
    }
  }
}

test.each(['fin', 'reset'] as const)('each comes when it is due, is answered, and goes by %s', async (close) => {
  await using server = await EchoServer.listen()
  const churn = new RunningChurn(server, { close })
  for (let tenth = 1; tenth <= 10; tenth++) {
    churn.clock.advance(100)
    await server.until('one more', () => server.connectionsSeen === tenth)
  }
  const report = await churn.done()
  expect(report).toMatchObject({ due: 10, connected: 10, answered: 10, failed: 0, dropped: 0 })
  expect(report.connect.samples).toBe(10)
  expect(report.firstAnswer.samples).toBe(10)
  await server.until('none', () => server.sockets.size === 0)
})

test('latencies count from the due moment, also of one that the generator was late for', async () => {
  await using server = await EchoServer.listen()
  const churn = new RunningChurn(server, { perSecond: 1 })
  // One is due at 500 ms; the loop was away until 1000.
  churn.clock.advance(1000)
  const { connect } = await churn.done()
  expect(connect.samples).toBe(1)
  expect(connect.minUs).toBeGreaterThanOrEqual(500_000)
})

test('what falls due in the warm-up is not counted', async () => {
  await using server = await EchoServer.listen()
  const churn = new RunningChurn(server, { warmupMs: 1000 })
  churn.clock.advance(2000)
  expect(await churn.done()).toMatchObject({ due: 10, answered: 10 })
  expect(server.connectionsSeen).toBe(20)
})

test('one that is refused, ended or answered wrongly has failed, by what it was', async () => {
  await using server = await EchoServer.listen(({ bytes, number, socket }) => {
    if (number === 1) return [withWrongByte(echoOf(bytes), 12)]
    if (number === 2) socket.end()
    if (number === 3) socket.resetAndDestroy()
    return number < 4 ? [] : [echoOf(bytes)]
  })
  const churn = new RunningChurn(server)
  churn.clock.advance(1000)
  const { answered, failed, failedBy } = await churn.done()
  expect([answered, failed]).toEqual([7, 3])
  expect(failedBy).toEqual({ WRONG_ANSWER: 1, CLOSED: 1, ECONNRESET: 1 })
})

test('one that is never answered is given up', async () => {
  await using server = await EchoServer.listen(({ bytes, number }) => (number === 1 ? [] : [echoOf(bytes)]))
  const churn = new RunningChurn(server)
  churn.clock.advance(1000)
  await server.until('one left', () => server.frames === 10 && server.sockets.size === 1)
  churn.clock.advance(11_000)
  expect(await churn.done()).toMatchObject({ answered: 9, failed: 1, failedBy: { TIMED_OUT: 1 } })
})
