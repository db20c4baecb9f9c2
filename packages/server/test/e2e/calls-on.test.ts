/** Owns the tests of what a request hands on to the service that its handler asks: deadline, cancellation, trace. */
import { fileURLToPath } from 'node:url'
import { connect } from '@shardwire/client'
import { eventually, startDaemon } from '@shardwire/testkit'
import { expect, it } from 'vitest'

const SERVICE = fileURLToPath(new URL('../fixtures/calls-on.ts', import.meta.url))
const FRONT = 1
const TELLS = 2
const WAITS = 3
const CANCELLED = 4
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

it('a client called within a handler takes over the deadline, the signal and the trace of its request', async () => {
  const environment = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' }
  await using backDaemon = await startDaemon(environment)
  process.env['TEST_BACK_PORT'] = String(backDaemon.port)
  await using frontDaemon = await startDaemon(environment).finally(() => {
    delete process.env['TEST_BACK_PORT']
  })
  await using front = await connect({ host: '127.0.0.1', port: frontDaemon.port })
  await using back = await connect({ host: '127.0.0.1', port: backDaemon.port })
  const told = await front.requestMsgpack(FRONT, TELLS, { timeoutMs: 20_000, meta: { traceparent: TRACE } })
  expect(told).toMatchObject({
    trace: { traceparent: TRACE, traceId: TRACE.slice(3, 35), parentId: TRACE.slice(36, 52), isSampled: true },
  })
  const { deadlineMs } = told as { readonly deadlineMs: number }
  expect([deadlineMs > 15_000, deadlineMs <= 20_000]).toEqual([true, true])

  const caller = new AbortController()
  const cancelled = front.requestMsgpack(FRONT, WAITS, { signal: caller.signal })
  const late = front.requestMsgpack(FRONT, WAITS, { timeoutMs: 1500 })
  await expect(late).rejects.toThrow(/deadline|timeout|in time|within/i)
  caller.abort()
  await expect(cancelled).rejects.toMatchObject({ code: 'ABORTED' })
  await eventually(
    async () => (await back.requestMsgpack(CANCELLED, null)) === 2,
    () => 'both waits of the back were to be aborted',
  )
  await Promise.all([front.close(), back.close()])
  expect(frontDaemon.records.filter(({ event }) => event === 'handler-failed')).toEqual([])
  expect(await frontDaemon.stop()).toBe(0)
  expect(await backDaemon.stop()).toBe(0)
})
