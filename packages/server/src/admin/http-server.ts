/**
 * Owns the admin server as HTTP: its socket, its limits, the way of a request to its handler and back.
 * Must not know: what is asked or answered.
 * Invariant: whatever comes is bounded in size, number and time, so that nobody who reaches it keeps the primary from
 * its work; a handler that throws costs its request alone. No header, token or body is ever logged.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import type { HostAndPort } from '../config/host.ts'
import type { Logger } from '../log.ts'
import { type AccessSettings, denialOf } from './access.ts'
import { MARK, problem, type Reply, type StreamReply } from './reply.ts'
import { type AdminRoute, findRoute } from './router.ts'
import { type SocketLimits, Sockets } from './sockets.ts'

export interface HttpLimits extends SocketLimits {
  /** From a request's first byte to its last, and from then to the end of its answer. */
  readonly requestMs: number
  readonly keepAliveMs: number
  readonly headerBytes: number
  /** Nothing that is sent here has a body; what comes all the same is thrown away. */
  readonly bodyBytes: number
  /** How often connections are looked at for these limits. */
  readonly checkIntervalMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  requestMs: 10_000,
  keepAliveMs: 30_000,
  headerBytes: 16_384,
  bodyBytes: 16_384,
  connections: 64,
  requestsUnanswered: 4,
  checkIntervalMs: 1000,
}

/** Nothing is kept by anybody, taken for another type, put into a frame, or loads from elsewhere. */
const HEADERS = {
  [MARK]: 'admin',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const

export interface HttpServerParts {
  readonly clock: Clock
  readonly log: Logger
  readonly settings: () => AccessSettings
  readonly routes: readonly AdminRoute[]
  readonly limits: HttpLimits
  /** Somebody was not let in. */
  readonly onDenied: (peer: string, status: number, path: string) => void
}

export class HttpServer {
  readonly #parts: HttpServerParts
  readonly #server: Server
  readonly #sockets: Sockets

  constructor(parts: HttpServerParts) {
    this.#parts = parts
    const { limits } = parts
    const options = {
      maxHeaderSize: limits.headerBytes,
      requestTimeout: limits.requestMs,
      headersTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
    }
    this.#sockets = new Sockets(limits)
    this.#server = createServer(options, (request, response) => {
      if (this.#sockets.asked(request.socket, response)) void this.#serve(request, response)
    })
    this.#server.on('connection', (socket) => this.#sockets.came(socket))
  }

  /** Binds. @throws the system's error (EADDRINUSE, EACCES ...) */
  async listen({ host, port }: HostAndPort): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the admin server has no address')
    return address
  }

  /** Nobody is accepted any more, and whoever is here is cut off. */
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, log, limits } = this.#parts
    discardBody(request, limits.bodyBytes)
    const peer = peerOf(request)
    let reply: Reply | StreamReply
    try {
      reply = await this.#answer(request, response, peer)
    } catch (error) {
      log.error({ event: 'admin-fault', class: 'system', err: error }, 'a fault of this server in an admin request')
      reply = problem(500, 'a fault of this server; its log says more')
    }
    if ('stream' in reply) {
      if (request.method === 'HEAD') response.writeHead(200, HEADERS).end()
      else reply.stream(response)
      return
    }
    const cancel = clock.after(limits.requestMs, () => response.destroy())
    response.once('close', cancel)
    const { status, type, body, headers } = reply
    const length = Buffer.byteLength(body)
    response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': length, ...headers })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    peer: string,
  ): Reply | StreamReply | Promise<Reply | StreamReply> {
    const { method = '', url = '' } = request
    const [path = '', ...query] = url.split('?')
    const found = findRoute(this.#parts.routes, method, path)
    if ('reply' in found) return found.reply
    const { route, parameters } = found
    const denial = denialOf(route.need, request.headers, this.#parts.settings())
    if (denial !== undefined) {
      this.#parts.onDenied(peer, denial.status, route.path)
      const challenge = denial.status === 401 ? { 'www-authenticate': 'Bearer realm="shardwire"' } : undefined
      return problem(denial.status, denial.message, challenge)
    }
    const onGone = (listener: () => void): void => void response.once('close', listener)
    return route.handle({ method, parameters, query: new URLSearchParams(query.join('?')), peer, onGone })
  }
}

/** Headers of an answer that goes on. */
export function streamHead(response: ServerResponse, type: string): void {
  response.writeHead(200, { ...HEADERS, 'content-type': type })
}

function discardBody(request: IncomingMessage, bytesMax: number): void {
  let bytes = 0
  request.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length
    if (bytes > bytesMax) request.destroy()
  })
  // A client that goes away in the middle is nothing to tell of.
  request.on('error', () => undefined)
}

function peerOf({ socket }: IncomingMessage): string {
  const { remoteAddress = '?', remotePort } = socket
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}
