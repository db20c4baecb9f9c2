/** Owns the tests of what systemd is told, and when. */
import { FakeClock } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import type { Logger } from '../src/log.ts'
import { ServiceManager } from '../src/service-manager.ts'

const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' }
const READY = { isReady: true, isStopping: false, reasons: [] }
const DRAIN_MS = 10_000

function scene(env: Readonly<Record<string, string>>) {
  const clock = new FakeClock()
  const told: string[] = []
  const lines: unknown[] = []
  let fail: ((why: string) => void) | undefined
  const manager = new ServiceManager({
    env,
    pid: 7,
    clock,
    log: { warn: (line: unknown) => lines.push(line) } as unknown as Logger,
    notify: (words, onFailed) => {
      told.push(words.join(' '))
      fail = onFailed
    },
  })
  return { clock, told, lines, manager, fail: (why: string) => fail?.(why) }
}

it('is told once that the daemon is ready, then what it is, and once that it stops', () => {
  const { told, manager, clock } = scene(SOCKET)
  manager.look({ isReady: false, isStopping: false, reasons: ['the daemon is starting'] }, DRAIN_MS)
  expect(told).toEqual([])
  manager.look(READY, DRAIN_MS)
  manager.look({ isReady: false, isStopping: false, reasons: ['a crash loop'] }, DRAIN_MS)
  manager.look(READY, DRAIN_MS)
  const stopping = { isReady: false, isStopping: true, reasons: ['the daemon is stopping'] }
  manager.look(stopping, DRAIN_MS)
  manager.look(stopping, DRAIN_MS)
  expect(told).toEqual([
    'READY=1 STATUS=ready',
    'STATUS=not ready: a crash loop',
    'STATUS=ready',
    // systemd would kill what still drains when the unit's own time is shorter.
    'STOPPING=1 STATUS=draining EXTEND_TIMEOUT_USEC=15000000',
  ])
  expect(clock.pendingTimers).toBe(0)
})

it('hears three times in its time that the daemon lives, from the moment on at which it is ready to the end', () => {
  const { told, manager, clock } = scene({ ...SOCKET, WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' })
  clock.advance(60_000)
  manager.look(READY, DRAIN_MS)
  clock.advance(30_000)
  expect(told.slice(1)).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1'])
  manager.close()
  clock.advance(60_000)
  expect(told).toHaveLength(4)
})

it.each([
  ['without NOTIFY_SOCKET', { WATCHDOG_USEC: '3000000' }, []],
  ['of another process', { ...SOCKET, WATCHDOG_USEC: '3000000', WATCHDOG_PID: '8' }, ['READY=1 STATUS=ready']],
  ['with a time that is none', { ...SOCKET, WATCHDOG_USEC: 'soon' }, ['READY=1 STATUS=ready']],
])('%s nothing is told of life', (_, env, expected) => {
  const { told, manager, clock } = scene(env)
  manager.look(READY, DRAIN_MS)
  clock.advance(10_000)
  expect(told).toEqual(expected)
})

it('that cannot be told is a line of the log, once', () => {
  const { lines, manager, fail } = scene(SOCKET)
  manager.look(READY, DRAIN_MS)
  fail('could not be started: spawn systemd-notify ENOENT')
  fail('exits with 1')
  expect(lines).toEqual([{ event: 'notify-failed', class: 'system' }])
})
