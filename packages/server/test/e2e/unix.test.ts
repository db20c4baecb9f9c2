import { once } from 'node:events'
import { lstatSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFrame } from '@shardwire/protocol'
import { Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

class Directory {
  readonly path: string
  private constructor(path: string) {
    this.path = path
  }
  static async create(): Promise<Directory> {
    return new Directory(await mkdtemp(join(tmpdir(), 'shardwire-unix-')))
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true })
  }
}

async function echo(client: RawClient, text: string): Promise<string> {
  await client.sendFrames(frames.message(1, text))
  return frames.text(await client.nextFrame())
}

/** Starts a daemon that is expected not to start. @returns what it said */
async function refusal(listen: string): Promise<string> {
  await using daemon = new Daemon({ SHARDWIRE_LISTEN: listen }, {})
  expect(await daemon.exited).toEqual({ code: 1, signal: null })
  return daemon.stderr
}

describe.each(['handoff', 'reuseport'])('a Unix socket, by %s', (accept) => {
  it('is served by all workers beside TCP, has its mode, and is gone when the daemon has stopped', async () => {
    await using directory = await Directory.create()
    const path = join(directory.path, 'wire.sock')
    const listen = `tcp://127.0.0.1:0,unix:${path}?mode=0600&heartbeat-ms=60000`
    const settings = { SHARDWIRE_LISTEN: listen, SHARDWIRE_ACCEPT: accept, SHARDWIRE_WORKERS: '2' }
    await using daemon = await startDaemon(settings)
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    const shards = new Set<number>()
    for (let round = 0; round < 4; round++) {
      await using client = await RawClient.connectPath(path)
      shards.add((await frames.greetServer(client)).shard)
      expect(await echo(client, 'by path')).toBe('by path')
      client.halfClose()
      expect(await client.closed()).toMatchObject({ how: 'end' })
    }
    expect(shards).toEqual(new Set([0, 1]))
    await using client = await RawClient.connect(daemon.port)
    expect(await echo(client, 'by port')).toBe('by port')
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined()
    const stopped = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(stopped).toMatchObject({ connectionsTotal: 5, closes: { PEER_ENDED: 5 } })
  })

  it('alone is enough, and who does not read there is cut off like anybody', async () => {
    await using directory = await Directory.create()
    const path = join(directory.path, 'wire.sock')
    const limits = { SHARDWIRE_WRITE_TIMEOUT_MS: '300', SHARDWIRE_WORKERS: '1', SHARDWIRE_LOG_LEVEL: 'debug' }
    await using daemon = await startDaemon({ SHARDWIRE_LISTEN: `unix:${path}`, SHARDWIRE_ACCEPT: accept, ...limits })
    await using client = await RawClient.connectPath(path)
    client.pause()
    const body = new Uint8Array(500_000)
    const gone = client.gone
    for (let count = 0; count < 4; count++) client.socket.write(encodeFrame(frames.message(1, body)))
    // The server's end of it is closed: writing fails, or reading ends.
    await daemon.waitFor(({ event, reason }) => event === 'connection-closed' && reason === 'WRITE_TIMEOUT')
    client.resume()
    await gone
    expect(await daemon.stop()).toBe(0)
    const { closes } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(closes).toEqual({ WRITE_TIMEOUT: 1 })
  })
})

describe('what stands at the path already', () => {
  it('is replaced when it is the socket of a daemon that was killed', async () => {
    await using directory = await Directory.create()
    const path = join(directory.path, 'wire.sock')
    const first = await startDaemon({ SHARDWIRE_LISTEN: `unix:${path}` })
    await first[Symbol.asyncDispose]()
    expect(lstatSync(path).isSocket()).toBe(true)
    await using daemon = await startDaemon({ SHARDWIRE_LISTEN: `unix:${path}` })
    await using client = await RawClient.connectPath(path)
    expect(await echo(client, 'replaced')).toBe('replaced')
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('is left alone when somebody listens there', async () => {
    await using directory = await Directory.create()
    const path = join(directory.path, 'wire.sock')
    const server = createServer().listen(path)
    await once(server, 'listening')
    expect(await refusal(`unix:${path}`)).toContain(`cannot listen on unix:${path}: the socket is in use`)
    expect(lstatSync(path).isSocket()).toBe(true)
    server.close()
  })

  it('is left alone when it is no socket, and a directory that is missing is said', async () => {
    await using directory = await Directory.create()
    const file = join(directory.path, 'file')
    await writeFile(file, 'precious')
    expect(await refusal(`unix:${file}`)).toContain(`there is a file at ${file} that is no socket`)
    await mkdir(join(directory.path, 'folder'))
    expect(await refusal(`unix:${join(directory.path, 'folder')}`)).toContain('there is a directory at')
    expect(await refusal(`unix:${join(directory.path, 'none', 'wire.sock')}`)).toContain('make it first (mkdir -p')
  })
})
