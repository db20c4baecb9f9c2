/** The client that one writes by hand does the work of the one that it is compared with. */
import { encodeFrame, KIND_REQUEST } from '@shardwire/protocol'
import { echo, ScriptedPeer } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { NaiveClient } from '../src/client/naive-client.ts'

it('asks by the same frames, without the deadline, and finds its answers', async () => {
  await using peer = await ScriptedPeer.listen(echo)
  const client = await NaiveClient.connect(peer.port)
  const bodies = Array.from({ length: 20 }, (_, n) => new Uint8Array(n * 50).fill(n))
  const answers = await Promise.all(bodies.map(async (body) => await client.request(1, body)))
  expect(answers.map((answer) => new Uint8Array(answer))).toEqual(bodies)
  const [first] = peer.received
  expect(first?.bytes).toEqual(encodeFrame({ kind: KIND_REQUEST, route: 1, id: 1 }))
  const connection = await peer.nextConnection()
  const closing = client.close()
  await connection.closed()
  await closing
})
