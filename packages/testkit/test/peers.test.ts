/** Rules of the raw client and the scripted peer, proved on each other. */
import { encodeFrame, KIND_MESSAGE, KIND_REQUEST, KIND_RESPONSE } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { nextTurn } from '../src/clock.ts'
import { withSeed } from '../src/random.ts'
import { RawClient } from '../src/raw-client.ts'
import { echo, inTurn, ScriptedPeer, silent } from '../src/scripted-peer.ts'
import { randomChunks } from '../src/splits.ts'

const REQUEST = { kind: KIND_REQUEST, route: 3, id: 9, body: Uint8Array.of(1, 2) }

describe('a scripted peer and a raw client', () => {
  it('answer, record and hand out frames', async () => {
    await using peer = await ScriptedPeer.listen(echo)
    await using client = await RawClient.connect(peer.port)
    await client.sendFrames(REQUEST, { kind: KIND_MESSAGE, route: 1, body: Uint8Array.of(7) })
    const [response, message] = await client.frames(2)
    expect(response).toMatchObject({ kind: KIND_RESPONSE, route: 3, id: 9, meta: undefined, body: Uint8Array.of(1, 2) })
    expect(message).toMatchObject({ kind: KIND_MESSAGE, route: 1, id: 0, body: Uint8Array.of(7) })
    expect((await peer.nextFrame()).bytes).toEqual(encodeFrame(REQUEST))
    expect(peer.received).toHaveLength(2)
    expect((await peer.nextConnection()).bytes).toHaveLength(client.bytes.length)
  })

  it('put frames together from whatever chunks they came in', async () => {
    await withSeed('chunks', async (random) => {
      await using peer = await ScriptedPeer.listen()
      await using client = await RawClient.connect(peer.port)
      const bytes = encodeFrame({ ...REQUEST, meta: Uint8Array.of(0x80), body: random.bytes(60) })
      await client.writeChunks(randomChunks(bytes, random, 9))
      expect((await peer.nextFrame()).bytes).toEqual(bytes)
    })
  })

  it('tell a FIN from a reset, with the bytes of a cut frame', async () => {
    const cut = encodeFrame(REQUEST).subarray(0, 7)
    await using peer = await ScriptedPeer.listen(
      inTurn(
        async (_frame, connection) => {
          await connection.write(cut)
          connection.halfClose()
        },
        (_frame, connection) => {
          connection.reset()
        },
      ),
    )
    await using ended = await RawClient.connect(peer.port)
    await ended.sendFrames(REQUEST)
    expect(await ended.closed()).toEqual({ how: 'end', leftover: new Uint8Array(cut) })
    await using wasReset = await RawClient.connect(peer.port)
    await wasReset.sendFrames(REQUEST)
    expect(await wasReset.closed()).toMatchObject({ how: 'reset' })
  })

  it('say what came when the frame that is waited for cannot come', async () => {
    await using peer = await ScriptedPeer.listen((_frame, connection) => {
      connection.destroy()
    })
    await using client = await RawClient.connect(peer.port)
    await client.sendFrames(REQUEST)
    await expect(client.nextFrame()).rejects.toThrow('the connection ended (end); frames that came: none')
  })

  it('report a stream that is none of frames', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    await using client = await RawClient.connect(peer.port)
    await client.write(Buffer.from('PUT / HTTP/1.1\r\n\r\n'))
    const connection = await peer.nextConnection()
    await expect(connection.nextFrame()).rejects.toThrow('BAD_FRAME: kind 5 is reserved')
    expect(connection.broken).toContain('BAD_FRAME')
  })

  it('count bytes for codecs without frames', async () => {
    await using peer = await ScriptedPeer.listen()
    await using client = await RawClient.connect(peer.port)
    const connection = await peer.nextConnection()
    await connection.write(Buffer.from('0123456789'))
    expect(Buffer.from(await client.bytesReceived(10)).toString()).toBe('0123456789')
    connection.halfClose()
    await expect(client.bytesReceived(11)).rejects.toThrow('ended after 10 of 11 bytes')
  })

  it('keep what a script threw', async () => {
    await using peer = await ScriptedPeer.listen(() => {
      throw new Error('script')
    })
    await using client = await RawClient.connect(peer.port)
    await client.sendFrames(REQUEST)
    await peer.nextFrame()
    await nextTurn()
    expect(peer.failures).toHaveLength(1)
  })
})
