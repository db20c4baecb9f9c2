/**
 * The Python client against the real daemon: that docs/protocol.md is enough for somebody who has nothing else.
 * Skipped, with the reason in its name, where there is no python3.
 */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const CLIENT = fileURLToPath(new URL('shardwire_client.py', import.meta.url))
const README = new URL('README.md', import.meta.url)
const hasPython = spawnSync('python3', ['--version']).status === 0
const run = promisify(execFile)

/** What is different in every run, made the same. */
function settled(line: string): string {
  return line
    .replace(/'ts': '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z'/, "'ts': TIME")
    .replace(/(\(\d+\)): .+/, '$1: WHY')
}

test.skipIf(!hasPython)(`echo, greet and errors by code${hasPython ? '' : ' (skipped: no python3 here)'}`, async () => {
  await using daemon = await startDaemon()
  const { stdout, stderr } = await run('python3', [CLIENT, '127.0.0.1', String(daemon.port)])
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n').map(settled)).toEqual([
    'echo by MESSAGE: x',
    'echo by REQUEST: hello',
    "greet: {'uid': 'u-1', 'val': 'server: hello, python', 'ts': TIME}",
    'route 9: UNKNOWN_ROUTE (5): WHY',
    'route 5: HANDLER_FAILED (15): WHY',
  ])
  expect(await daemon.stop()).toBe(0)
})

test.skipIf(!hasPython).each([[[]], [['127.0.0.1']], [['127.0.0.1', 'echo']]])(
  'arguments %j are answered by how it is used',
  (args) => {
    const { status, stdout, stderr } = spawnSync('python3', [CLIENT, ...args], { encoding: 'utf8' })
    expect(stderr).toBe(`usage: python3 ${CLIENT} HOST PORT, for example 127.0.0.1 7400\n`)
    expect([status, stdout]).toEqual([1, ''])
  },
)

test.skipIf(!hasPython)('the README shows what the client prints', async () => {
  await using daemon = await startDaemon()
  const { stdout } = await run('python3', [CLIENT, '127.0.0.1', String(daemon.port)])
  const shown = /```text\n([\s\S]*?)```/.exec(readFileSync(README, 'utf8'))?.[1] ?? ''
  expect(shown.split('\n').map(settled)).toEqual(stdout.split('\n').map(settled))
})
