/** The calculator in the real daemon, with the program of its README, and without a socket, as its own tests would. */
import { testService } from '@shardwire/server/testing'
import { Program, startDaemon } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'
import service from './service.ts'
import { factors } from './tasks.ts'

const SERVICE = new URL('service.ts', import.meta.url).pathname
const ASK = new URL('ask.ts', import.meta.url)
/** The product of two primes of seven digits: half a second and more. */
const HARD = 9_999_991 * 9_999_973

test('whoever asks gets sums and factors, or is told what is wrong', async () => {
  const environment = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' }
  await using daemon = await startDaemon(environment)
  const ask = async (...args: readonly string[]): Promise<string> => {
    await using program = new Program(ASK, args, { PORT: String(daemon.port) })
    return (await program.ended()).join(' ')
  }
  expect(await ask('6', '*', '7')).toBe('42')
  expect(await ask('1', '/', '0')).toBe('nothing can be divided by 0')
  expect(await ask('1', '^', '2')).toMatch(/^body\.op: /)
  expect(await ask('factors', '600851475143')).toBe('[ 71, 839, 1471, 6857 ]')
  expect(await ask('factors', '0')).toMatch(/^body\.n: /)
  expect(await daemon.stop()).toBe(0)
})

describe('without a socket', () => {
  test('a sum overtakes factors, and who cancels gives the thread back', async () => {
    await using tested = await testService(service, { offloadThreads: 1 })
    const order: string[] = []
    const hard = tested.call('factors', { n: HARD }).then((found) => order.push(found.join(' x ')))
    expect(await tested.call('calculate', { a: 1, op: '+', b: 1 })).toBe(2)
    order.push('the sum')
    await hard
    expect(order).toEqual(['the sum', '9999973 x 9999991'])
    const abort = new AbortController()
    const cancelled = tested.call('factors', { n: HARD }, { signal: abort.signal })
    abort.abort()
    await expect(cancelled).rejects.toMatchObject({ name: 'CANCELLED' })
    expect(await tested.call('factors', { n: 360 })).toEqual([2, 2, 2, 3, 3, 5])
  })

  test('a task is a function', () => {
    const signal = AbortSignal.abort()
    const context = {
      route: 'factors',
      metadata: undefined,
      trace: undefined,
      signal,
      isAborted: true,
      callOptions: { signal, timeoutMs: 1, meta: {} },
      remainingMs: () => 0,
    }
    expect(factors({ n: 97 }, context)).toEqual([97])
    expect(factors({ n: HARD }, context)).toEqual([])
  })
})
