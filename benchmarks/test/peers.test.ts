/** The peers do the work that the daemon does, or a comparison with them would be worth nothing. */
import { encodeFrame, KIND_CONTROL, KIND_MESSAGE, KIND_REQUEST, KIND_RESPONSE, OPCODE_PING } from '@shardwire/protocol'
import { everySplit, joinBytes, RawClient } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Children } from '../src/children.ts'
import { Servers } from '../src/servers.ts'
import type { Contestant, Running } from '../src/servers.ts'
import { Toolchain, Unavailable } from '../src/toolchain.ts'

const children = new Children()
const toolchain = new Toolchain(children)
const servers = new Servers(children, toolchain, { isPinned: false })
const body = Uint8Array.from({ length: 20 }, (_, n) => n * 7)

const MODES = [
  ['message', KIND_MESSAGE, KIND_MESSAGE],
  ['request', KIND_REQUEST, KIND_RESPONSE],
] as const

/** A compiler takes its time, the first one most. */
const COMPILE_LIMIT_MS = 120_000

afterAll(() => {
  children.endAll()
  toolchain.remove()
})

const PEERS: readonly (readonly [string, Contestant, boolean])[] = [
  ['plain-node', servers.plainNode(), true],
  ['node-cluster', servers.nodeCluster(2), true],
  ['go-net', servers.goNet(1), toolchain.goVersion() !== null],
]

describe.each(PEERS)('%s', (_, peer, isHere) => {
  let running: Running | undefined

  beforeAll(async () => {
    if (isHere) running = await peer.start()
  }, COMPILE_LIMIT_MS)

  afterAll(async () => await running?.stop())

  describe.skipIf(!isHere)('where it can be built', () => {
    const connect = async (): Promise<RawClient> => await RawClient.connect(running?.port ?? 0)

    it.each(MODES)('echoes a %s, whole and torn apart in every way', async (_, kind, answerKind) => {
      const sent = encodeFrame({ kind, route: 1, id: 7, body })
      const answer = encodeFrame({ kind: answerKind, route: 1, id: 7, body })
      await using client = await connect()
      for (const parts of everySplit(sent)) {
        await client.writeChunks(parts)
        expect((await client.nextFrame()).bytes).toEqual(answer)
      }
    })

    it.each(MODES)('answers a frame of each size of %s that is measured', async (_, kind, answerKind) => {
      await using client = await connect()
      for (const bytes of [0, 64, 1024, 4096]) {
        const large = new Uint8Array(bytes).fill(bytes / 64)
        await client.sendFrames({ kind, route: 1, id: bytes + 1, body: large })
        const answer = encodeFrame({ kind: answerKind, route: 1, id: bytes + 1, body: large })
        expect((await client.nextFrame()).bytes).toEqual(answer)
      }
    })

    it('answers two frames and a half, then the rest', async () => {
      const frames = [1, 2, 3].map((id) => encodeFrame({ kind: KIND_REQUEST, route: 1, id, body }))
      const stream = joinBytes(frames)
      const cut = stream.length - 20
      await using client = await connect()
      await client.write(stream.subarray(0, cut))
      expect((await client.frames(2)).map(({ id }) => id)).toEqual([1, 2])
      await client.write(stream.subarray(cut))
      expect((await client.nextFrame()).id).toBe(3)
    })

    it('closes at a wrong CRC and does not answer it', async () => {
      const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1, body })
      frame[10] = 0xff
      await using client = await connect()
      await client.write(frame)
      // The peers close both ways at once; a FIN is enough for us.
      client.halfClose()
      await client.gone
      expect(client.bytes).toHaveLength(0)
    })

    it('passes over what is not for the echo service', async () => {
      await using client = await connect()
      await client.sendFrames(
        { kind: KIND_MESSAGE, route: 2, body },
        { kind: KIND_CONTROL, route: OPCODE_PING },
        { kind: KIND_MESSAGE, route: 1, body },
      )
      expect(await client.nextFrame()).toMatchObject({ kind: KIND_MESSAGE, route: 1 })
      expect(client.received).toHaveLength(1)
    })
  })
})

describe('a contestant that this machine has not', () => {
  it('is Unavailable, with what would bring it', async () => {
    const before = process.env['PATH']
    process.env['PATH'] = ''
    try {
      const bare = new Toolchain(children)
      await expect(bare.load('echo')).rejects.toThrow('apt-get install gcc')
      await expect(bare.goNet()).rejects.toThrow('apt-get install golang-go')
      await expect(bare.goNet()).rejects.toThrow(Unavailable)
    } finally {
      process.env['PATH'] = before
    }
  })
})
