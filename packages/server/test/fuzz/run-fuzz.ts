/**
 * Owns the fuzzer: a live daemon, attackers with spoiled streams, neighbours that must not notice, and the verdict.
 * Must not know: how long it shall run, or who reads its progress.
 * Invariant: every attacker's end is the one that the oracle predicts, and the daemon's own counts say the same; when
 * all are gone the workers hold no descriptor and no block more than before.
 */
import * as protocol from '@shardwire/protocol'
import {
  type Daemon,
  descriptorsOf,
  eventually,
  hasProc,
  nextTurn,
  Random,
  randomChunks,
  RawClient,
  startDaemon,
} from '@shardwire/testkit'
import { CLOSE_REASONS } from '../../src/close-reason.ts'
import { type Attack, LISTENERS } from './attack.ts'
import { frameAttack } from './frame-attack.ts'
import { jsonAttack, lineAttack } from './text-attacks.ts'

const FRAME_BYTES_MAX = 65_536
const ATTACKERS = 12
const NEIGHBOURS = 3
/** Pieces into which a stream is torn at most: each is a turn of the loop. */
const PIECES_MAX = 60
const STREAM_HEX_MAX = 600
const SETTINGS = {
  SHARDWIRE_LISTEN: LISTENERS.map((parameters) => `tcp://127.0.0.1:0${parameters}`).join(),
  SHARDWIRE_WORKERS: '2',
  SHARDWIRE_MAX_FRAME_BYTES: String(FRAME_BYTES_MAX),
  SHARDWIRE_WRITE_BUFFER_BYTES: '262144',
  SHARDWIRE_HEARTBEAT_MS: '0',
  // The oracle knows nothing of how busy this machine is.
  SHARDWIRE_OVERLOAD_DELAY_MS: '0',
  // A worker's `drained` says what was still on loan.
  SHARDWIRE_LOG_LEVEL: 'debug',
}

export interface FuzzOptions {
  readonly seed: number
  /** Whether lent memory is watched: without, frames are forwarded as they came, from the memory that they came to. */
  readonly debugViews: boolean
  /** Asked before each stream with how many there were. */
  readonly goesOn: (streams: number) => boolean
}

export interface FuzzReport {
  readonly streams: number
  readonly bytes: number
  readonly neighbourEchoes: number
  /** How connections ended, by the daemon's count. */
  readonly closes: Readonly<Record<string, number>>
}

/** Fuzzes a daemon of its own. Rejects with the first thing that is wrong. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  await using daemon = await startDaemon({ ...SETTINGS, SHARDWIRE_DEBUG_VIEWS: String(options.debugViews) })
  return await new Fuzz(daemon, options).run()
}

class Fuzz {
  readonly #daemon: Daemon
  readonly #options: FuzzOptions
  readonly #random: Random
  readonly #predicted = new Map<string, number>()
  #streams = 0
  #bytes = 0
  #echoes = 0
  #isOver = false

  constructor(daemon: Daemon, options: FuzzOptions) {
    this.#daemon = daemon
    this.#options = options
    this.#random = new Random(options.seed)
  }

  async run(): Promise<FuzzReport> {
    const { workers } = this.#daemon
    await this.#warmUp()
    const before = workers.map(({ pid }) => descriptorsOf(pid))
    const neighbours = Array.from({ length: NEIGHBOURS }, (_, index) => this.#neighbour(index))
    const attackers = Array.from({ length: ATTACKERS }, () => this.#attacker())
    try {
      await Promise.race([Promise.all(attackers), Promise.all(neighbours)])
    } finally {
      this.#isOver = true
    }
    await Promise.all([...attackers, ...neighbours])
    const after = (): number[] => workers.map(({ pid }) => descriptorsOf(pid))
    const isBack = (): boolean => after().every((count, index) => count <= (before[index] ?? 0))
    if (hasProc) await eventually(isBack, () => `descriptors: ${String(before)} before, ${String(after())} after`)
    return { ...(await this.#stop()), streams: this.#streams, bytes: this.#bytes, neighbourEchoes: this.#echoes }
  }

  /** What a worker opens once and keeps, it opens now. */
  async #warmUp(): Promise<void> {
    for (let round = 0; round < 4; round++) await this.#converse(new Random(round))
  }

  async #attacker(): Promise<void> {
    while (!this.#isOver && this.#options.goesOn(this.#streams)) {
      this.#streams++
      // A seed of its own, so that the order in which attackers draw changes nothing in a stream.
      await this.#converse(new Random(this.#random.integer(0, 0xffff_ffff)))
    }
    this.#isOver = true
  }

  /** One life of an attacker. */
  async #converse(random: Random): Promise<void> {
    const attack = this.#attack(random)
    const { stream, listener, reason } = attack
    const leavesByReset = random.next() < 0.1
    await using client = await RawClient.connect(this.#daemon.addresses[listener]?.port ?? 0)
    const pieceBytesMax = Math.max(random.pick([1, 7, 100, 70_000]), Math.ceil(stream.length / PIECES_MAX))
    this.#bytes += stream.length
    // A stream of which an early frame is bad may meet a closed connection with its end: that is no fault.
    for (const chunk of randomChunks(stream, random, pieceBytesMax)) {
      if (client.socket.readableEnded || client.socket.destroyed) break
      client.socket.write(chunk)
      await nextTurn()
    }
    if (leavesByReset) return client.reset()
    client.halfClose()
    const { how } = await client.closed()
    try {
      assertEnd(how, reason)
      if (how === 'end') attack.check(client)
    } catch (cause) {
      const hex = Buffer.from(stream).toString('hex').slice(0, STREAM_HEX_MAX)
      const where = `${LISTENERS[listener]}, port ${client.socket.localPort ?? 'unknown'}`
      const ended = `${client.bytes.length} bytes came, then ${how}, to ${where}`
      throw new Error(
        `${String(cause)}\n${ended}\nthe stream (${stream.length} bytes): ${hex}\n${this.#daemon.stderr}`,
        { cause },
      )
    }
    this.#predicted.set(reason, (this.#predicted.get(reason) ?? 0) + 1)
  }

  #attack(random: Random): Attack {
    const make = random.pick([frameAttack, frameAttack, jsonAttack, lineAttack])
    return make(random, FRAME_BYTES_MAX)
  }

  /** A client that does all right, and must get its own bytes back at any time. */
  async #neighbour(owner: number): Promise<void> {
    await using client = await RawClient.connect(this.#daemon.port)
    const random = new Random(owner)
    for (let id = 1; !this.#isOver; id++) {
      const body = new Uint8Array(random.pick([1, 100, 5000, 60_000])).fill(owner + 1)
      client.socket.write(protocol.encodeFrame({ kind: protocol.KIND_REQUEST, route: 1, id, body }))
      const answer = await client.nextFrame()
      const isOwn =
        answer.kind === protocol.KIND_RESPONSE && answer.id === id && Buffer.compare(answer.body, body) === 0
      if (!isOwn) throw new Error(`neighbour ${owner}: its echo ${id} is not its own`)
      this.#echoes++
    }
    client.halfClose()
    await client.closed()
  }

  /** Drains the daemon and compares its own counts with ours. */
  async #stop(): Promise<Pick<FuzzReport, 'closes'>> {
    const daemon = this.#daemon
    const exitCode = await daemon.stop()
    const stopped = daemon.records.find(({ event }) => event === 'stopped') ?? {}
    const closes = (stopped['closes'] ?? {}) as Record<string, number>
    const faults = [
      ...(exitCode === 0 ? [] : [`exit code ${exitCode}`]),
      ...(daemon.stderr === '' ? [] : [`stderr: ${daemon.stderr}`]),
      ...daemon.records.filter(isFault).map((record) => JSON.stringify(record)),
      ...this.#wrongCloses(closes, Number(stopped['connectionsTotal'])),
      ...(stopped['forced'] === 0 ? [] : [`${String(stopped['forced'])} connections had to be forced`]),
    ]
    if (faults.length > 0) throw new Error(faults.join('\n'))
    return { closes }
  }

  #wrongCloses(closes: Readonly<Record<string, number>>, connectionsTotal: number): string[] {
    const sum = Object.values(closes).reduce((total, count) => total + count, 0)
    const tooFew = [...this.#predicted].filter(([reason, count]) => (closes[reason] ?? 0) < count)
    const strange = Object.keys(closes).filter((name) => {
      return name === 'INTERNAL' || !(CLOSE_REASONS as readonly string[]).includes(name)
    })
    return [
      ...(sum === connectionsTotal ? [] : [`${connectionsTotal} connections, but ${sum} reasons: one each expected`]),
      ...tooFew.map(
        ([reason, count]) => `${count} connections must have ended as ${reason}, got ${closes[reason] ?? 0}`,
      ),
      ...strange.map((name) => `connections ended as ${name}`),
    ]
  }
}

function isFault({ event, leasedBlocks }: Readonly<Record<string, unknown>>): boolean {
  if (event === 'drained') return leasedBlocks !== 0
  return event === 'worker-exited' || event === 'internal-fault' || event === 'worker-killed'
}

/** Throws where the connection did not end in order. */
function assertEnd(how: string, reason: string): void {
  // Who is still sending a second after the server's FIN is cut off: on a busy machine that may be us.
  const mayBeCut = reason !== 'PEER_ENDED' && reason !== 'TRUNCATED'
  if (how !== 'end' && !mayBeCut) throw new Error(`expected our FIN answered by a FIN, got ${how}`)
}
