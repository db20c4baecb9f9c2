import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { encodeFrame, KIND_CONTROL, KIND_RESPONSE, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import {
  type Daemon,
  eventually,
  FaultProxy,
  hasProc,
  RawClient,
  type ReceivedFrame,
  startDaemon,
  testSeed,
} from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { socketsOf } from './burst.ts'
import * as frames from './frames.ts'

const MISSES = 3
/** A peer is held dead after two seconds: as long may this process stand still. */
const HEARTBEAT = {
  SHARDWIRE_WORKERS: '1',
  SHARDWIRE_HEARTBEAT_MS: '500',
  SHARDWIRE_HEARTBEAT_MISSES: String(MISSES),
}
const PONG = encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG })

function isPing({ kind, route }: ReceivedFrame): boolean {
  return kind === KIND_CONTROL && route === OPCODE_PING
}

async function stoppedRecord(daemon: Daemon): Promise<unknown> {
  expect(await daemon.stop()).toBe(0)
  return daemon.records.find(({ event }) => event === 'stopped')
}

/** Waits until the daemon's only worker has one socket less than `before`. */
async function oneSocketLess(daemon: Daemon, before: number): Promise<void> {
  const pid = daemon.workers[0]?.pid ?? 0
  await eventually(
    () => socketsOf(pid) === before - 1,
    () => `the worker has ${socketsOf(pid)} sockets, had ${before}`,
  )
}

/** Answers every PING until `done` settles. @returns how many there were */
async function answerPings(client: RawClient, done: Promise<void>): Promise<number> {
  let isDone = false
  const ended = done.finally(() => (isDone = true))
  let count = 0
  for (; !isDone; count++) {
    expect(isPing(await client.nextFrame())).toBe(true)
    await client.write(PONG)
  }
  await ended
  return count
}

describe.skipIf(!hasProc)('a peer behind a black hole', () => {
  it('is found by its silence: the PINGs that may be missed, HEARTBEAT_TIMEOUT, its neighbour served', async () => {
    await using daemon = await startDaemon(HEARTBEAT)
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: testSeed('half-open') })
    await using neighbour = await RawClient.connect(daemon.port)
    await using lost = await RawClient.connect(proxy.port)
    const line = await proxy.nextConnection()
    await lost.sendFrames(frames.message(1, 'here'))
    expect(frames.text(await lost.nextFrame())).toBe('here')
    line.blackHole()
    const before = socketsOf(daemon.workers[0]?.pid ?? 0)
    const pings = await answerPings(neighbour, oneSocketLess(daemon, before))
    expect(pings).toBeGreaterThan(0)
    // The end behind the hole noticed nothing.
    expect(lost.socket.destroyed).toBe(false)
    // What the daemon sent into it lies there still: its PINGs, then the reset.
    line.heal()
    expect((await lost.gone).how).toBe('reset')
    expect(lost.received.slice(1).map(isPing)).toEqual(Array.from({ length: MISSES }, () => true))
    neighbour.halfClose()
    await neighbour.closed()
    expect(await stoppedRecord(daemon)).toMatchObject({ closes: { HEARTBEAT_TIMEOUT: 1, PEER_ENDED: 1 }, forced: 0 })
  })

  it('that opens while it is owed an answer: the same', async () => {
    await using daemon = await startDaemon(HEARTBEAT)
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: testSeed('half-open') })
    await using lost = await RawClient.connect(proxy.port)
    const line = await proxy.nextConnection()
    await lost.sendFrames(frames.sleep(1, 3_600_000), frames.message(1, 'here'))
    await lost.nextFrame()
    const before = socketsOf(daemon.workers[0]?.pid ?? 0)
    line.blackHole()
    await oneSocketLess(daemon, before)
    expect(await stoppedRecord(daemon)).toMatchObject({ closes: { HEARTBEAT_TIMEOUT: 1 }, forced: 0 })
  })
})

/** A network of its own: two ends of a wire, one of them in a namespace, as if it were another host. */
class OtherHost implements AsyncDisposable {
  readonly address: string
  readonly #name: string
  #process: ChildProcess | undefined

  constructor(id: number) {
    this.#name = `sw${id}`
    const subnet = `198.18.${(id >> 6) & 255}.`
    const base = (id & 63) * 4
    this.address = `${subnet}${base + 1}`
    ip('netns', 'add', this.#name)
    ip('link', 'add', `${this.#name}a`, 'type', 'veth', 'peer', 'name', `${this.#name}b`, 'netns', this.#name)
    ip('address', 'add', `${this.address}/30`, 'dev', `${this.#name}a`)
    ip('link', 'set', `${this.#name}a`, 'up')
    ip('-n', this.#name, 'address', 'add', `${subnet}${base + 2}/30`, 'dev', `${this.#name}b`)
    ip('-n', this.#name, 'link', 'set', `${this.#name}b`, 'up')
  }

  /** Connects from there, and waits until a frame was answered. */
  async connect(port: number): Promise<void> {
    const hex = Buffer.from(encodeFrame(frames.message(1, 'x'))).toString('hex')
    const script = `const s = require('net').connect(${port}, '${this.address}')
s.once('data', () => console.log('served')); s.write(Buffer.from('${hex}', 'hex'))`
    const command = ['netns', 'exec', this.#name, process.execPath, '-e', script]
    this.#process = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#process.stdout !== null) await once(this.#process.stdout, 'data')
  }

  /** Its cable is pulled. */
  unplug(): void {
    ip('-n', this.#name, 'link', 'set', `${this.#name}b`, 'down')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined && this.#process.exitCode === null) {
      const closed = once(this.#process, 'close')
      this.#process.kill('SIGKILL')
      await closed
    }
    ip('netns', 'delete', this.#name)
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** Whether this user may make networks. */
function canMakeNetworks(): boolean {
  const name = `sw${process.pid}probe`
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return false
  const made = spawnSync('ip', ['link', 'add', `${name.slice(0, 12)}a`, 'type', 'veth', 'peer', 'netns', name])
  spawnSync('ip', ['netns', 'delete', name])
  return made.status === 0
}

describe.skipIf(!hasProc || !canMakeNetworks())('a peer whose host is gone', () => {
  it('is found by its silence, and ends as HEARTBEAT_TIMEOUT', async () => {
    await using host = new OtherHost(process.pid)
    await using daemon = await startDaemon({ ...HEARTBEAT, SHARDWIRE_LISTEN: `tcp://${host.address}:0` })
    await host.connect(daemon.port)
    const before = socketsOf(daemon.workers[0]?.pid ?? 0)
    host.unplug()
    await oneSocketLess(daemon, before)
    expect(await stoppedRecord(daemon)).toMatchObject({ closes: { HEARTBEAT_TIMEOUT: 1 }, forced: 0 })
  })
})

describe('a peer that ends its write side', () => {
  it('gets its answers, the slow one too, and then our FIN', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: testSeed('half-closed') })
    proxy.faults = { toServer: { pieceBytesMax: 3 }, toClient: { pieceBytesMax: 1 } }
    await using client = await RawClient.connect(proxy.port)
    await client.sendFrames(frames.sleep(1, 100), frames.request(1, 2, 'quick'), frames.message(1, 'on my way out'))
    client.halfClose()
    expect((await client.closed()).how).toBe('end')
    expect(client.received.map(({ kind, id }) => [kind, id])).toEqual([
      [KIND_RESPONSE, 2],
      [0, 0],
      [KIND_RESPONSE, 1],
    ])
    expect(await stoppedRecord(daemon)).toMatchObject({ closes: { PEER_ENDED: 1 }, forced: 0 })
  })

  it('in the middle of a frame: what was whole is answered, then FIN, and the end is TRUNCATED', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: testSeed('half-closed') })
    await using client = await RawClient.connect(proxy.port)
    const whole = encodeFrame(frames.request(1, 1, 'whole'))
    const line = await proxy.nextConnection()
    line.toServer.cutAt(whole.length + 7, 'end')
    await client.write(Buffer.concat([whole, whole]))
    expect((await client.closed()).how).toBe('end')
    expect(client.received.map(({ id }) => id)).toEqual([1])
    expect(await stoppedRecord(daemon)).toMatchObject({ closes: { TRUNCATED: 1 }, forced: 0 })
  })
})
