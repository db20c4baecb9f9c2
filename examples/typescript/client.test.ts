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
  const words = greet.join(' ').replaceAll(/\s+/g, ' ')
  expect(words).toMatch(/^\{ uid: 'a', val: 'server: hello, world', ts: '\d{4}-\d\d-\d\dT[\d:.]+Z' \}$/)
  expect(await daemon.stop()).toBe(0)
})
