/**
 * Owns a DNS server that answers as a script tells it, over UDP and TCP on one port: for tests of resolvers.
 * Must not know: what a well-behaved server would do. The script decides everything, also to say nothing.
 * Invariant: every question is recorded, with the way it came; disposing leaves no socket behind.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { decode, encode, RECURSION_AVAILABLE, TRUNCATED_RESPONSE } from 'dns-packet'
import type { Answer } from 'dns-packet'
import { WaitQueue } from './queue.ts'

/** One question that came. */
export interface DnsAsked {
  readonly transport: 'UDP' | 'TCP'
  readonly id: number
  readonly name: string
  /** `A`, `AAAA`, ... */
  readonly type: string
  /** From which port of the one that asks. */
  readonly port: number
}

/** One record of an answer. */
export interface DnsRecord {
  readonly name?: string
  readonly type: 'A' | 'AAAA' | 'CNAME'
  readonly data: string
  /** In seconds; 60. */
  readonly ttl?: number
}

/** What is sent back. */
export interface DnsAnswer {
  readonly records?: readonly DnsRecord[]
  /** 0; 2 is SERVFAIL, 3 is NXDOMAIN. */
  readonly rcode?: number
  readonly isTruncated?: boolean
  /** The time that it says there is none, in seconds, as an SOA. */
  readonly negativeTtl?: number
  /** Instead of what was asked. */
  readonly id?: number
  readonly question?: { readonly name: string; readonly type: 'A' | 'AAAA' } | 'none'
  /** Instead of all of the above. */
  readonly bytes?: Uint8Array
}

/** What to answer: several answers one after the other, or nothing at all. */
export type DnsScript = (asked: DnsAsked) => Replies | Promise<Replies>
type Replies = DnsAnswer | readonly DnsAnswer[] | undefined

export class DnsServer {
  /** What happens with the next question; a test may change it at any time. */
  script: DnsScript
  /** All questions so far. */
  readonly asked: DnsAsked[] = []
  readonly #questions = new WaitQueue<DnsAsked>('question')
  readonly #udp: UdpSocket
  readonly #tcp: net.Server
  readonly #connections = new Set<net.Socket>()
  #isGone = false

  private constructor(script: DnsScript, udp: UdpSocket, tcp: net.Server) {
    this.script = script
    this.#udp = udp
    this.#tcp = tcp
    udp.on('message', (bytes, from) => {
      void this.#answer('UDP', bytes, from.port, (answer) => udp.send(answer, from.port, from.address))
    })
    tcp.on('connection', (socket) => {
      this.#connections.add(socket)
      socket.on('error', () => socket.destroy()).on('close', () => this.#connections.delete(socket))
      // A question is small, and comes whole.
      socket.on('data', (chunk: Buffer) => {
        void this.#answer('TCP', chunk.subarray(2), socket.remotePort ?? 0, (answer) =>
          socket.write(withLength(answer)),
        )
      })
    })
  }

  /** Listens on a free port of 127.0.0.1. */
  static async listen(script: DnsScript = () => undefined): Promise<DnsServer> {
    for (;;) {
      const tcp = net.createServer()
      tcp.listen(0, '127.0.0.1')
      await once(tcp, 'listening')
      const { port } = tcp.address() as net.AddressInfo
      const udp = createSocket('udp4')
      const bound = await new Promise<boolean>((resolve) => {
        udp.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true))
      })
      if (bound) return new DnsServer(script, udp, tcp)
      // Somebody else has the port for UDP.
      udp.close()
      tcp.close()
    }
  }

  get port(): number {
    return this.#udp.address().port
  }

  /** `address:port`, as resolvers want it. */
  get text(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The next question that nobody took from here. */
  async nextQuestion(): Promise<DnsAsked> {
    return await this.#questions.take()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isGone = true
    for (const socket of this.#connections) socket.destroy()
    const closed = Promise.all([once(this.#udp, 'close'), once(this.#tcp, 'close')])
    this.#udp.close()
    this.#tcp.close()
    await closed
    this.#questions.fail(new Error('the DNS server is gone'))
  }

  async #answer(
    transport: 'UDP' | 'TCP',
    bytes: Buffer,
    port: number,
    send: (answer: Uint8Array) => void,
  ): Promise<void> {
    const { id = 0, questions: [question] = [] } = decode(bytes)
    const asked: DnsAsked = { transport, id, name: question?.name ?? '', type: question?.type ?? '', port }
    this.asked.push(asked)
    this.#questions.put(asked)
    const replies = (await this.script(asked)) ?? []
    if (this.#isGone) return
    for (const reply of [replies].flat() as readonly DnsAnswer[]) send(encodeAnswer(asked, reply))
  }
}

/** The addresses of names; a name that is not among them is NXDOMAIN. */
export function zone(names: Readonly<Record<string, readonly string[]>>, ttl = 60): DnsScript {
  return ({ name, type }) => {
    const addresses = names[name]
    if (addresses === undefined) return { rcode: 3, negativeTtl: ttl }
    const family = type === 'AAAA' ? 6 : 4
    const mine = addresses.filter((address) => net.isIP(address) === family)
    return { records: mine.map((data) => ({ type: type as 'A' | 'AAAA', data, ttl })), negativeTtl: ttl }
  }
}

function encodeAnswer(asked: DnsAsked, reply: DnsAnswer): Uint8Array {
  if (reply.bytes !== undefined) return reply.bytes
  const { records = [], rcode = 0, isTruncated = false, negativeTtl, id = asked.id, question } = reply
  const { name, type } = asked
  const questions = question === 'none' ? [] : [question ?? { name, type: type as 'A' }]
  return encode({
    type: 'response',
    id,
    flags: RECURSION_AVAILABLE | (isTruncated ? TRUNCATED_RESPONSE : 0) | rcode,
    questions: questions.map((one) => ({ ...one, class: 'IN' })),
    answers: records.map((record) => ({ name, ttl: 60, class: 'IN', ...record }) as Answer),
    authorities: negativeTtl === undefined || records.length > 0 ? [] : [soa(negativeTtl)],
  })
}

function soa(ttl: number): Answer {
  const [mname, rname] = ['ns.test', 'hostmaster.test']
  const data = { mname, rname, serial: 1, refresh: 60, retry: 60, expire: 60, minimum: ttl }
  return { type: 'SOA', name: 'test', ttl, class: 'IN', data }
}

function withLength(message: Uint8Array): Uint8Array {
  const prefixed = Buffer.alloc(message.length + 2)
  prefixed.writeUInt16BE(message.length, 0)
  prefixed.set(message, 2)
  return prefixed
}
