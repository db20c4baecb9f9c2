/**
 * Owns a real TCP server that answers as a script tells it: for tests of clients.
 * Must not know: what a well-behaved server would do. The script decides everything, also to say nothing.
 * Invariant: every frame and every connection is recorded; disposing leaves no socket and no listener behind.
 */
import net from 'node:net'
import { once } from 'node:events'
import { KIND_ERROR, KIND_MESSAGE, KIND_REQUEST, KIND_RESPONSE } from '@shardwire/protocol'
import type { ReceivedFrame } from './frame-reader.ts'
import { WaitQueue } from './queue.ts'
import { SocketEnd } from './socket-end.ts'

/** What to do about one frame. What it throws fails `peer.failures`. */
export type Script = (frame: ReceivedFrame, connection: PeerConnection) => void | Promise<void>

/** One connection that a client opened. */
export class PeerConnection extends SocketEnd {
  readonly #peer: ScriptedPeer

  constructor(socket: net.Socket, peer: ScriptedPeer) {
    super(socket)
    this.#peer = peer
  }

  /** Answers a REQUEST with a RESPONSE. */
  async respond(request: ReceivedFrame, body?: Uint8Array): Promise<void> {
    const { route, id } = request
    await this.sendFrames({ kind: KIND_RESPONSE, route, id, body: body ?? request.body })
  }

  /** Answers a REQUEST with an ERROR. @param body the encoded error map */
  async refuse(request: ReceivedFrame, body: Uint8Array): Promise<void> {
    await this.sendFrames({ kind: KIND_ERROR, route: request.route, id: request.id, body })
  }

  protected override onFrame(frame: ReceivedFrame): void {
    super.onFrame(frame)
    this.#peer.handle(frame, this)
  }
}

/** Says nothing to anything. */
export const silent: Script = () => undefined

/** Answers a REQUEST with its own body and a MESSAGE with the same MESSAGE. */
export const echo: Script = async (frame, connection) => {
  const { kind, route, body } = frame
  if (kind === KIND_REQUEST) await connection.respond(frame)
  if (kind === KIND_MESSAGE) await connection.sendFrames({ kind, route, body })
}

/** One script for each frame in turn, for all connections together; the last one stays. */
export function inTurn(...scripts: readonly Script[]): Script {
  let turn = 0
  return (frame, connection) => {
    const script = scripts[Math.min(turn++, scripts.length - 1)] ?? silent
    return script(frame, connection)
  }
}

export class ScriptedPeer {
  /** Every connection that ever came, in order. */
  readonly connections: PeerConnection[] = []
  /** Every frame of every connection, in the order of arrival. */
  readonly received: ReceivedFrame[] = []
  /** What scripts threw. */
  readonly failures: unknown[] = []
  /** What happens with the next frame; a test may change it at any time. */
  script: Script
  readonly #server: net.Server
  readonly #frames = new WaitQueue<ReceivedFrame>('frame')
  readonly #arrivals = new WaitQueue<PeerConnection>('connection')

  private constructor(script: Script) {
    this.script = script
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new PeerConnection(socket, this)
      this.connections.push(connection)
      this.#arrivals.put(connection)
    })
  }

  /** Listens on a free port of 127.0.0.1. */
  static async listen(script: Script = silent): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer(script)
    peer.#server.listen({ port: 0, host: '127.0.0.1' })
    await once(peer.#server, 'listening')
    return peer
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the peer does not listen')
    return address.port
  }

  /** The next frame of any connection that nobody took from here. */
  async nextFrame(): Promise<ReceivedFrame> {
    return await this.#frames.take()
  }

  async frames(count: number): Promise<ReceivedFrame[]> {
    const taken: ReceivedFrame[] = []
    while (taken.length < count) taken.push(await this.nextFrame())
    return taken
  }

  /** The next connection that nobody took from here. */
  async nextConnection(): Promise<PeerConnection> {
    return await this.#arrivals.take()
  }

  /** Called by a connection for each of its frames. */
  handle(frame: ReceivedFrame, connection: PeerConnection): void {
    this.received.push(frame)
    this.#frames.put(frame)
    // In a promise, so that a script that throws and one that rejects are the same.
    void (async () => this.script(frame, connection))().catch((error: unknown) => {
      this.failures.push(error)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of this.connections) connection.destroy()
    await Promise.all(this.connections.map(async (connection) => await connection.gone))
    await closed
    this.#frames.fail(new Error('the peer is gone'))
    this.#arrivals.fail(new Error('the peer is gone'))
  }
}
