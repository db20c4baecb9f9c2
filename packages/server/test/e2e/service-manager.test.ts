/** Owns the tests of a daemon under systemd, as far as it can be had in a test: the program that tells it is ours. */
import { eventually, startDaemon } from '@shardwire/testkit'
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** A folder with a `systemd-notify` that writes down what it is told. */
function fakeProgram(): { readonly path: string; readonly lines: () => readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'notify-'))
  const [program, told] = [join(folder, 'systemd-notify'), join(folder, 'told')]
  writeFileSync(told, '')
  writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${told}'\n`)
  chmodSync(program, 0o755)
  const lines = (): readonly string[] => readFileSync(told, 'utf8').trim().split('\n')
  return { path: `${folder}:${process.env['PATH'] ?? ''}`, lines }
}

it('tells when it is ready, that it lives, and that it stops', async () => {
  const { path, lines } = fakeProgram()
  const under = { PATH: path, NOTIFY_SOCKET: '/run/none', WATCHDOG_USEC: '600000' }
  await using daemon = await startDaemon({ ...under, SHARDWIRE_DRAIN_TIMEOUT_MS: '3000' })
  await eventually(
    () => lines().includes('/run/none WATCHDOG=1'),
    () => `no sign of life: ${lines().join('; ')}`,
  )
  expect(lines()).toContain('/run/none READY=1 STATUS=ready')
  expect(await daemon.stop()).toBe(0)
  await eventually(
    () => lines().includes('/run/none STOPPING=1 STATUS=draining EXTEND_TIMEOUT_USEC=8000000'),
    () => `not told that it stops: ${lines().join('; ')}`,
  )
})

it('serves where it cannot tell, and says so', async () => {
  const under = { PATH: '/nowhere', NOTIFY_SOCKET: '/run/none' }
  await using daemon = await startDaemon(under)
  const { class: kind } = await daemon.waitFor(({ event }) => event === 'notify-failed')
  expect(kind).toBe('system')
  expect(await daemon.stop()).toBe(0)
})
