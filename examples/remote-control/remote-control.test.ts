/** Remote control in the real daemon, with the door and the operator of its README. */
import { Program, startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const SERVICE = new URL('service.ts', import.meta.url).pathname
const DEVICE = new URL('device.ts', import.meta.url)
const OPERATOR = new URL('operator.ts', import.meta.url)

test('an operator asks the server, the server asks the door, and what it says comes back', async () => {
  const environment = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' }
  await using daemon = await startDaemon(environment)
  const port = String(daemon.port)
  const ask = async (...args: readonly string[]): Promise<string> => {
    await using operator = new Program(OPERATOR, args, { PORT: port })
    return (await operator.ended()).join('\n')
  }
  await using door = new Program(DEVICE, ['front-door', port])
  await door.printed('front-door waits')
  expect(await ask('devices')).toBe("[ 'front-door' ]")
  expect(await ask('front-door', 'unlock')).toBe('{ locked: false, changes: 1 }')
  expect(await ask('front-door', 'lock')).toBe('{ locked: true, changes: 2 }')
  expect(await ask('front-door')).toBe('{ locked: true, changes: 2 }')
  expect(await ask('back-door')).toBe('there is no device back-door')
  expect(await ask('front-door', 'open')).toMatch(/^body\.do: /)
  await door[Symbol.asyncDispose]()
  await using anew = new Program(DEVICE, ['front-door', port])
  await anew.printed('front-door waits')
  expect(await ask('front-door')).toBe('{ locked: true, changes: 0 }')
  await anew[Symbol.asyncDispose]()
  expect(await daemon.stop()).toBe(0)
})
