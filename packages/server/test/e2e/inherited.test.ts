/** Owns the end-to-end tests of sockets that are handed to the daemon: `fd://3`, as systemd's socket units do. */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stream } from 'node:stream'
import { childrenOf, Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBinding } from '../../src/transport/raw-handle.ts'
import * as frames from './frames.ts'

const BACKLOG = 8

interface BoundHandle {
  bind(...place: readonly unknown[]): number
  getsockname(out: object): number
  listen(backlog: number): number
  close(): void
}

/** A socket that is bound and not accepted from: what a service manager has. */
function bound(kind: 'TCP' | 'Pipe', ...place: readonly unknown[]): BoundHandle {
  const binding = loadBinding(kind === 'TCP' ? 'tcp_wrap' : 'pipe_wrap') as Record<string, never>
  const { [kind]: Handle, constants } = binding as unknown as Record<string, new (type: number) => BoundHandle> & {
    readonly constants: { readonly SERVER: number }
  }
  if (Handle === undefined) throw new Error(`this Node gives out no ${kind}`)
  const handle = new Handle(constants.SERVER)
  expect(handle.bind(...place)).toBe(0)
  return handle
}

/** What `spawn` takes as a descriptor; its type knows only what is documented. */
function handedOn(...handles: readonly object[]): readonly Stream[] {
  return handles as readonly Stream[]
}

function portOf(handle: BoundHandle): number {
  const out: { port?: number } = {}
  handle.getsockname(out)
  return out.port ?? 0
}

async function isServed(client: RawClient): Promise<boolean> {
  await client.sendFrames(frames.message(frames.ROUTE_ECHO, 'x'))
  return frames.text(await client.nextFrame()) === 'x'
}

/** Starts a daemon that is expected not to start. @returns what it said */
async function refusal(listen: string, inherited: readonly Stream[] = [], env = {}): Promise<string> {
  await using daemon = new Daemon({ SHARDWIRE_LISTEN: listen, ...env }, { inherited })
  expect(await daemon.exited).toEqual({ code: 1, signal: null })
  return daemon.stderr
}

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shardwire-inherited-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

describe.each(['handoff', 'reuseport'])('sockets that are handed to the daemon, by %s', (accept) => {
  it('are served by all workers, TCP and Unix beside one of its own, and stay when it has stopped', async () => {
    const path = join(folder, 'socket')
    const [tcp, pipe] = [bound('TCP', '127.0.0.1', 0, 0), bound('Pipe', path)]
    const listen = 'fd://3?heartbeat-ms=60000,tcp://127.0.0.1:0,fd://4'
    const options = { inherited: handedOn(tcp, pipe) }
    const limits = { SHARDWIRE_ACCEPT: accept, SHARDWIRE_WORKERS: '2', SHARDWIRE_DENY: '192.0.2.0/24' }
    await using daemon = await startDaemon({ ...limits, SHARDWIRE_LISTEN: listen }, options)
    expect(daemon.records.find(({ event }) => event === 'listening')).toMatchObject({
      addresses: [
        { scheme: 'tcp', port: portOf(tcp), configured: 'fd://3' },
        { scheme: 'tcp' },
        { scheme: 'unix', fd: 4, configured: 'fd://4' },
      ],
    })
    const shards = new Set<number>()
    for (let round = 0; round < 4; round++) {
      await using client = await RawClient.connect(portOf(tcp))
      shards.add((await frames.greetServer(client)).shard)
      expect(await isServed(client)).toBe(true)
    }
    expect(shards).toEqual(new Set([0, 1]))
    await using local = await RawClient.connectPath(path)
    expect(await isServed(local)).toBe(true)
    local.destroy()
    await local.gone
    expect(await daemon.stop()).toBe(0)
    // Whoever handed them on has them still: the next daemon gets who connects meanwhile.
    expect(lstatSync(path).isSocket()).toBe(true)
    await using early = await RawClient.connect(portOf(tcp))
    await using next = await startDaemon({ SHARDWIRE_ACCEPT: accept, SHARDWIRE_LISTEN: 'fd://3,fd://4' }, options)
    expect(await isServed(early)).toBe(true)
    early.destroy()
    expect(await next.stop()).toBe(0)
    for (const handle of [tcp, pipe]) handle.close()
  })

  it('are replaced workers by workers on SIGHUP, and are no business of workers', async () => {
    const tcp = bound('TCP', '127.0.0.1', 0, 0)
    const env = { SHARDWIRE_ACCEPT: accept, SHARDWIRE_LISTEN: 'fd://3' }
    await using daemon = await startDaemon(env, { inherited: handedOn(tcp) })
    const inode = readlinkSync(`/proc/${daemon.pid}/fd/3`)
    for (const { pid } of childrenOf(daemon.pid)) {
      const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
      expect(links).not.toContain(inode)
    }
    daemon.signal('SIGHUP')
    await daemon.waitFor(({ event }) => event === 'reloaded')
    await using client = await RawClient.connect(portOf(tcp))
    expect(await isServed(client)).toBe(true)
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    tcp.close()
  })
})

describe('a descriptor that is no such socket', () => {
  it('stops the start with what is wrong, and what systemd said', async () => {
    expect(await refusal('fd://3')).toMatch(/fd:\/\/3: descriptor 3 is no socket .*LISTEN_FDS is not set/)
    const systemd = { LISTEN_FDS: '1', LISTEN_PID: '1' }
    const text = await refusal('fd://9', [], systemd)
    expect(text).toMatch(/descriptor 9 is no socket .*LISTEN_FDS=1: .*for process 1 and not \d+/)
  })

  it('that is a connection is told too', async () => {
    const tcp = bound('TCP', '127.0.0.1', 0, 0)
    expect(tcp.listen(BACKLOG)).toBe(0)
    await using client = await RawClient.connect(portOf(tcp))
    expect(await refusal('fd://3', handedOn(client.socket))).toContain(
      'descriptor 3 is no socket that can be listened on',
    )
    tcp.close()
  })
})

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // Closed between the two calls.
    return ''
  }
}
