/** The JSON greeter in the real daemon, with the clients of its README; the one in Go where there is a go. */
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'

const run = promisify(execFile)
const [SERVICE, NODE_CLIENT, GO_CLIENT] = ['service.ts', 'client.ts', 'client.go'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
) as [string, string, string]
const hasGo = spawnSync('go', ['version']).status === 0

const CLIENTS = [
  { name: 'Node', isHere: true, program: process.execPath, args: [NODE_CLIENT] },
  { name: 'Go', isHere: hasGo, program: 'go', args: ['run', GO_CLIENT] },
]
const BYTES = '{"Uid":"pixel-1","Val":"pixelpig!"}'

/** What a client writes, kept by a server that answers nothing. */
async function writtenBy(program: string, args: readonly string[]): Promise<string> {
  let bytes = ''
  const server = createServer((socket) => {
    socket.setEncoding('utf8').on('data', (text: string) => {
      bytes += text
      socket.destroy()
    })
  })
  server.listen({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await run(program, [...args, 'pixelpig!', '127.0.0.1', String(port)]).catch(() => undefined)
  server.close()
  return bytes
}

describe.each(CLIENTS)('the client in $name', ({ name, isHere, program, args }) => {
  const skipped = isHere ? '' : ` (skipped: no ${name} here)`

  test.skipIf(!isHere)(
    `writes one object without a newline, and is greeted${skipped}`,
    async () => {
      expect(await writtenBy(program, args)).toBe(BYTES)
      await using daemon = await startDaemon({
        SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json',
        SHARDWIRE_SERVICE: SERVICE,
      })
      const { stdout } = await run(program, [...args, 'pixelpig!', '127.0.0.1', String(daemon.port)])
      expect(stdout).toBe('pixel-1: server: hello, pixelpig!\n')
      const refused = await run(program, [...args, '', '127.0.0.1', String(daemon.port)])
      expect(refused.stdout).toMatch(/^pixel-1: body.*val/)
      expect(await daemon.stop()).toBe(0)
    },
    // Go compiles it first.
    120_000,
  )
})

test('those bytes get that line, from the demo service too', async () => {
  for (const service of [{}, { SHARDWIRE_SERVICE: SERVICE }]) {
    await using daemon = await startDaemon({ SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json', ...service })
    await using client = await RawClient.connect(daemon.port)
    await client.write(Buffer.from(BYTES))
    const expected = '{"uid":"pixel-1","val":"server: hello, pixelpig!","ts":"2026-01-02T03:04:05.678Z"}\n'
    const line = Buffer.from(await client.bytesReceived(expected.length)).toString()
    expect(line.replace(/"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"ts":"2026-01-02T03:04:05.678Z"')).toBe(
      expected,
    )
    client.halfClose()
    await client.closed()
    expect(await daemon.stop()).toBe(0)
  }
})

test('many requests, with newlines and without, are answered each, and a bad one says what is wrong', async () => {
  await using daemon = await startDaemon({
    SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json',
    SHARDWIRE_SERVICE: SERVICE,
  })
  await using client = await RawClient.connect(daemon.port)
  await client.write(
    Buffer.from('{"uid":1,"val":"nc"}{"uid":2,"route":"count","val":[1,2,3]}\n{"uid":3,"route":"count","val":4}'),
  )
  client.halfClose()
  await client.closed()
  const answers = Buffer.from(client.bytes).toString().trim().split('\n')
  expect(answers.map((text) => JSON.parse(text))).toEqual([
    { uid: 1, val: 'server: hello, nc', ts: expect.any(String) },
    { uid: 2, val: { items: 3 }, ts: expect.any(String) },
    { uid: 3, error: expect.objectContaining({ code: 4, name: 'BAD_BODY', details: expect.any(Object) }) },
  ])
  expect(await daemon.stop()).toBe(0)
})
