/** The chat room in the real daemon, with the clients of its README. */
import { Program, startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const SERVICE = new URL('service.ts', import.meta.url).pathname
const CLIENT = new URL('client.ts', import.meta.url)

test('what one says is pushed to all, and everybody hears who comes and goes', async () => {
  await using daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' })
  const port = String(daemon.port)
  await using ali = new Program(CLIENT, ['ali', port])
  await ali.printed('* ali is here')
  await using bea = new Program(CLIENT, ['bea', port])
  await ali.printed('* bea is here')
  ali.say('hello')
  bea.say('hello yourself')
  for (const chatter of [ali, bea]) {
    await chatter.printed('ali: hello')
    await chatter.printed('bea: hello yourself')
  }
  ali.say('x'.repeat(501))
  await ali.printed('body: Too big: expected string to have <=500 characters')
  await using second = new Program(CLIENT, ['ali', port])
  expect((await second.ended()).join(' ')).toContain('there is a ali already')
  await bea[Symbol.asyncDispose]()
  await ali.printed('* bea has left')
  expect(await daemon.stop()).toBe(0)
})
