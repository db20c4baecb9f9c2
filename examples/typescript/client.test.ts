/** The TypeScript client against the real daemon, run as README says. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const CLIENT = fileURLToPath(new URL('client.ts', import.meta.url))
const run = promisify(execFile)

test('echo and greet', async () => {
  await using daemon = await startDaemon()
  const { stdout, stderr } = await run(process.execPath, [CLIENT, String(daemon.port)])
  expect(stderr).toBe('')
  const [echo, ...greet] = stdout.trim().split('\n')
  expect(echo).toBe('hello')
  expect(greet.join(' ')).toMatch(/^\{\s+uid: 'a',\s+val: 'server: hello, world',\s+ts: '\d{4}-\d\d-\d\dT[\d:.]+Z'\s+\}$/)
  expect(await daemon.stop()).toBe(0)
})
