/** Owns the proof that each close reason is reached over a real socket, and is the same in log and count. */
import { encodeBody, encodeFrame, encodeHello, KIND_CONTROL, OPCODE_HELLO } from '@shardwire/protocol'
import { type Daemon, type LogRecord, RawClient, startDaemon } from '@shardwire/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { CLOSE_CLASSES, CLOSE_REASONS, type CloseReasonName } from '../../src/close-reason.ts'
import * as frames from './frames.ts'

const SERVICE = new URL('../fixtures/limits.ts', import.meta.url).pathname
const HOOKED = { SHARDWIRE_SERVICE: new URL('../fixtures/hooked.ts', import.meta.url).pathname }
const ROUTE_BURN = 2
const ROUTE_NEVER = 3
const ROUTE_BROKEN = 4
const ROUTE_CLOSE = 5
const ROUTE_RESET = 6

interface Scene {
  readonly daemon: Daemon
  readonly client: RawClient
}

interface Case {
  readonly environment?: Readonly<Record<string, string>>
  /** The record comes with the stop of the daemon. */
  readonly atStop?: true
  /** What a client does to end so. */
  readonly run: (scene: Scene) => Promise<void>
}

function writes(bytes: Uint8Array): Case {
  return { run: ({ client }) => client.write(bytes) }
}

/** Sends echoes and reads no answer, until the connection is gone. */
async function flood({ client }: Scene, bodyBytes = 60_000): Promise<void> {
  client.pause()
  const frame = encodeFrame(frames.message(1, new Uint8Array(bodyBytes)))
  const gone = client.gone.then(() => true)
  for (let isGone = false; !isGone && !client.socket.destroyed;) {
    const taken = client.socket.write(frame)
    const drained = new Promise<false>((resolve) => {
      if (taken) resolve(false)
      else client.socket.once('drain', () => resolve(false))
    })
    isGone = await Promise.race([gone, drained])
  }
}

const SMALL_BUFFERS = { SHARDWIRE_MAX_FRAME_BYTES: '65536', SHARDWIRE_WRITE_BUFFER_BYTES: '65546' }
const damaged = encodeFrame(frames.message(1, 'hello'))
damaged[8] = 0

/** Those of TLS are reached in tls.test.ts. */
const OF_TLS = ['HANDSHAKE_TIMEOUT', 'HANDSHAKE_FAILED', 'HANDSHAKE_ABANDONED', 'PEER_NOT_ALLOWED'] as const

/** By reason. OPEN is none: it stands for not ended yet. */
const CASES: Readonly<Record<Exclude<CloseReasonName, 'OPEN' | (typeof OF_TLS)[number]>, Case>> = {
  PEER_ENDED: { run: async ({ client }) => Promise.resolve(client.halfClose()) },
  TRUNCATED: {
    run: async ({ client }) => {
      await client.write(encodeFrame(frames.message(1, 'cut')).subarray(0, 8))
      client.halfClose()
    },
  },
  PEER_RESET: {
    run: async ({ client }) => {
      await frames.settle(client)
      client.reset()
    },
  },
  BAD_FRAME: writes(Buffer.from('500100000000', 'hex')),
  BAD_CRC: writes(damaged),
  FRAME_TOO_LARGE: writes(Buffer.from('0001ffffffff', 'hex')),
  BAD_PROTOCOL_VERSION: writes(
    encodeFrame({ kind: KIND_CONTROL, route: OPCODE_HELLO, body: encodeBody({ protocol: 2 }) }),
  ),
  FRAME_TIMEOUT: { environment: { SHARDWIRE_FRAME_TIMEOUT_MS: '40' }, ...writes(Uint8Array.of(0)) },
  IDLE_TIMEOUT: {
    environment: { SHARDWIRE_IDLE_TIMEOUT_MS: '60', SHARDWIRE_HEARTBEAT_MS: '0' },
    run: async ({ client }) => void (await client.closed()),
  },
  HEARTBEAT_TIMEOUT: {
    environment: { SHARDWIRE_HEARTBEAT_MS: '20', SHARDWIRE_HEARTBEAT_MISSES: '1' },
    run: async ({ client }) => void (await client.gone),
  },
  SLOW_CONSUMER: { environment: { ...SMALL_BUFFERS, SHARDWIRE_SLOW_CONSUMER_MS: '100' }, run: flood },
  WRITE_TIMEOUT: {
    environment: { ...SMALL_BUFFERS, SHARDWIRE_SLOW_CONSUMER_MS: '60000', SHARDWIRE_WRITE_TIMEOUT_MS: '100' },
    run: flood,
  },
  BUFFER_LIMIT: {
    environment: {
      SHARDWIRE_MAX_FRAME_BYTES: '65536',
      SHARDWIRE_WRITE_BUFFER_BYTES: '524288',
      SHARDWIRE_MAX_BUFFER_BYTES: '524288',
      SHARDWIRE_OVERLOAD_BUFFER_PERCENT: '0',
    },
    // Answers so small that each write takes a block of many times its size.
    run: (scene) => flood(scene, 40_000),
  },
  DRAINED: { atStop: true, run: async ({ client }) => frames.settle(client) },
  DRAIN_DEADLINE: {
    atStop: true,
    environment: { SHARDWIRE_DRAIN_TIMEOUT_MS: '100' },
    run: async ({ client }) => {
      await client.sendFrames(frames.request(ROUTE_NEVER, 1, ''))
      await frames.settle(client)
    },
  },
  DISOWNED: {
    environment: { SHARDWIRE_WORKERS: '2', SHARDWIRE_ACCEPT: 'handoff' },
    run: disowned,
  },
  INTERNAL: { run: ({ client }) => client.sendFrames(frames.request(ROUTE_BROKEN, 1, '')) },
  // The route takes no bytes as long as these.
  ERROR_UNSPOKEN: {
    environment: { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=line&route=picky' },
    ...writes(Buffer.from('a line\n')),
  },
  MAX_AGE: { environment: { SHARDWIRE_MAX_CONNECTION_AGE_MS: '100' }, run: async () => Promise.resolve() },
  UNAUTHENTICATED: { environment: HOOKED, run: ({ client }) => client.sendFrames(frames.request(1, 1, '')) },
  SERVICE_REFUSED: { environment: HOOKED, ...writes(encodeHello({ protocol: 1, token: 'refused' })) },
  SERVICE_FAILED: { environment: HOOKED, ...writes(encodeHello({ protocol: 1, token: 'failed' })) },
  SERVICE_CLOSED: { run: ({ client }) => client.sendFrames(frames.message(ROUTE_CLOSE, '')) },
  SERVICE_RESET: { run: ({ client }) => client.sendFrames(frames.message(ROUTE_RESET, '')) },
  ADMIN_CLOSED: {
    environment: { SHARDWIRE_ADMIN: 'http://127.0.0.1:0', SHARDWIRE_ADMIN_TOKEN: 'a-token-that-may-act' },
    run: async ({ client, daemon }) => {
      const { connection } = await frames.greetServer(client)
      const headers = { authorization: 'Bearer a-token-that-may-act' }
      await fetch(`${daemon.admin}/api/connections/${connection}`, { method: 'DELETE', headers })
    },
  },
  RATE_LIMITED: {
    environment: { SHARDWIRE_MESSAGE_RATE: '1' },
    run: async ({ client }) => {
      // One after the other, each as soon as the one before is refused: for the ten seconds that it takes.
      const gone = client.gone.then(() => undefined)
      for (let id = 1; !client.socket.destroyed; id++) {
        await client.sendFrames(frames.request(1, id, 'x'))
        const frame = await Promise.race([client.nextFrame(), gone])
        if (frame === undefined || (frame.id === 0 && frames.errorOf(frame).name === 'RATE_LIMITED')) return
      }
    },
  },
}

/**
 * A worker whose loop is held between taking a socket and saying so: its ticket expires, it lets go. What holds it is a
 * handler in the same turn: it is stopped while the socket, and behind it the frame of another connection, come to it.
 * Whether both are of one turn is the system's to say: if they were not it is done again.
 */
async function disowned({ daemon, client }: Scene): Promise<void> {
  const slot = await slotOf(client)
  const held = daemon.workers.find((worker) => worker.slot === slot)
  if (held === undefined) throw new Error(`no worker of slot ${slot} in ${JSON.stringify(daemon.workers)}`)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    // Sockets go to the two workers in turn: from here on every second to the one that is held.
    await nextServedBy(slot, daemon)
    process.kill(held.pid, 'SIGSTOP')
    await using _before = await RawClient.connect(daemon.port)
    await using late = await RawClient.connect(daemon.port)
    await using after = await RawClient.connect(daemon.port)
    // Who came later is served: the one before is on its way.
    await frames.settle(after)
    await client.sendFrames(frames.request(ROUTE_BURN, attempt, encodeBody(2000)))
    process.kill(held.pid, 'SIGCONT')
    await client.nextFrame()
    await nextServedBy(slot, daemon)
    // It stays open until then: else its end may be what the worker that was held sees first.
    if ((await slotOf(late)) !== slot) return void (await daemon.waitFor(isClosed('DISOWNED')))
  }
  throw new Error(`in ${ATTEMPTS_MAX} attempts the worker always said in time that it had taken the socket`)
}

const ATTEMPTS_MAX = 8

/**
 * Waits until this slot is given sockets again, and so has been told whose those are that it had before: on documented
 * sockets it would read what they say until then.
 */
async function nextServedBy(slot: number, { port }: Daemon): Promise<void> {
  for (let isServed = false; !isServed;) {
    await using next = await RawClient.connect(port)
    isServed = (await slotOf(next)) === slot
  }
}

/** The slot of the worker that a connection is with. It must not have said anything yet. */
async function slotOf(peer: RawClient): Promise<number> {
  const { connection } = await frames.greetServer(peer)
  return Number(connection.split('-')[1])
}

function isClosed(reason: CloseReasonName): (record: LogRecord) => boolean {
  return (record) => record['event'] === 'connection-closed' && record['reason'] === reason
}

describe('close reasons', () => {
  it('are reached by a test each, and have a class', () => {
    expect(['OPEN', ...OF_TLS, ...Object.keys(CASES)].toSorted()).toEqual([...CLOSE_REASONS].toSorted())
    expect(Object.keys(CLOSE_CLASSES).toSorted()).toEqual([...CLOSE_REASONS].toSorted())
  })

  // It takes ten seconds of waiting, which the others need not wait for.
  let long: Promise<void> | undefined
  beforeAll(() => {
    long = proves(LONG, CASES[LONG])
    // Its own test says so.
    long.catch(() => undefined)
  })

  it.each(Object.entries(CASES) as [keyof typeof CASES, Case][])(
    '%s',
    async (reason, scene) => (reason === LONG ? long : proves(reason, scene)),
    60_000,
  )
})

const LONG = 'RATE_LIMITED'

async function proves(reason: CloseReasonName, { environment, atStop, run }: Case): Promise<void> {
  await using daemon = await startDaemon({
    SHARDWIRE_WORKERS: '1',
    SHARDWIRE_SERVICE: SERVICE,
    SHARDWIRE_LOG_LEVEL: 'debug',
    ...environment,
  })
  await using client = await RawClient.connect(daemon.port)
  const peer = `127.0.0.1:${client.socket.localPort}`
  await run({ daemon, client })
  if (atStop === true) daemon.signal('SIGTERM')
  const record = await daemon.waitFor(isClosed(reason))
  expect(record).toMatchObject({
    class: CLOSE_CLASSES[reason],
    connection: expect.stringMatching(/^[0-9a-z]+-[0-9a-z]+-[0-9a-z]+$/),
    peer: reason === 'DISOWNED' ? expect.stringMatching(/^127\.0\.0\.1:\d+$/) : peer,
    bytesIn: expect.any(Number),
    bytesOut: expect.any(Number),
    ageMs: expect.any(Number),
  })
  if (atStop !== true) expect(await daemon.stop()).toBe(0)
  else await daemon.exited
  const stopped = daemon.records.find(({ event }) => event === 'stopped')
  expect(stopped?.['closes']).toMatchObject({ [reason]: 1 })
}
