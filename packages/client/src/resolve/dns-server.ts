/**
 * Owns one question to one server, over UDP or TCP.
 * Must not know: other servers, what an answer is good for, how long to wait.
 * Invariant: each question has a socket of its own, from a port that the system chose, which takes datagrams from that
 * server alone; it is closed with the answer, the error or the signal, whichever comes first.
 */
import { createSocket } from 'node:dgram'
import net from 'node:net'
import { ClientError } from '../client-error.ts'
import { encodeQuestion, encodeStreamQuestion, readReply } from './dns-wire.ts'
import type { DnsQuestion, DnsReply } from './dns-wire.ts'

export interface DnsServer {
  readonly address: string
  readonly port: number
  /** `address:port`. */
  readonly text: string
}

const PORT = 53
/** A TCP message's length is a u16. */
const LENGTH_BYTES = 2

/** `10.0.0.53`, `10.0.0.53:5353`, `fd00::53` or `[fd00::53]:5353`. Throws a ClientError INVALID_OPTION. */
export function parseDnsServer(text: string): DnsServer {
  const { address = text, port = String(PORT) } =
    /^\[(?<address>[^\]]*)\](?::(?<port>\d+))?$/.exec(text)?.groups ??
    /^(?<address>[^:]*):(?<port>\d+)$/.exec(text)?.groups ??
    {}
  const number = Number(port)
  if (net.isIP(address) === 0 || number < 1 || number > 65_535) {
    const expected = 'an address with or without a port, such as 10.0.0.53 or [fd00::53]:5353'
    throw new ClientError('INVALID_OPTION', `servers: expected ${expected}, got ${JSON.stringify(text)}`)
  }
  return { address, port: number, text: `${net.isIPv6(address) ? `[${address}]` : address}:${number}` }
}

/** Asks over UDP. Rejects with the system's error, or the reason of the signal. */
export function askByUdp(server: DnsServer, question: DnsQuestion, signal: AbortSignal): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(net.isIPv6(server.address) ? 'udp6' : 'udp4')
    let isOver = false
    const end = (): void => {
      isOver = true
      signal.removeEventListener('abort', onAbort)
      socket.removeAllListeners().on('error', ignore)
      socket.close()
    }
    const onAbort = (): void => {
      end()
      reject(signal.reason)
    }
    const fail = (error: Error): void => {
      if (isOver) return
      end()
      reject(error)
    }
    signal.addEventListener('abort', onAbort)
    socket.on('error', fail).on('message', (bytes) => {
      const reply = readReply(bytes, question)
      if (reply === undefined) return
      end()
      resolve(reply)
    })
    // Connected, so that datagrams of others are not taken, and a port that nobody listens on is told.
    socket.connect(server.port, server.address, () => {
      if (isOver) return
      socket.send(encodeQuestion(question), (error) => {
        if (error !== null) fail(error)
      })
    })
  })
}

/** Asks over TCP. Rejects with the system's error, or the reason of the signal. */
export function askByTcp(server: DnsServer, question: DnsQuestion, signal: AbortSignal): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: server.address, port: server.port, autoSelectFamily: false })
    let received: Buffer<ArrayBufferLike> = Buffer.alloc(0)
    const end = (): void => {
      signal.removeEventListener('abort', onAbort)
      socket.removeAllListeners().on('error', ignore)
      socket.destroy()
    }
    const settle = (reply: DnsReply): void => {
      end()
      resolve(reply)
    }
    const onAbort = (): void => {
      end()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    socket.once('connect', () => {
      socket.write(encodeStreamQuestion(question))
    })
    socket.on('error', (error) => {
      end()
      reject(error)
    })
    // Whatever ends it before the answer is whole.
    socket.on('close', () => settle({ kind: 'failed', code: 'EBADRESP' }))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < LENGTH_BYTES) return
      const bytes = received.readUInt16BE(0)
      if (received.length < LENGTH_BYTES + bytes) return
      const message = received.subarray(LENGTH_BYTES, LENGTH_BYTES + bytes)
      // Over TCP nobody else can answer, so what does not fit the question is the server's fault.
      const reply = readReply(message, question)
      settle(reply === undefined || reply.kind === 'truncated' ? { kind: 'failed', code: 'EBADRESP' } : reply)
    })
  })
}

function ignore(): void {
  // The question is over.
}
