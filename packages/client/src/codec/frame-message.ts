/**
 * Owns what a listener gets of a MESSAGE frame.
 * Must not know: connections, who listens.
 */
import { decodeBody, type Metadata } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { Message } from '../connection-api.ts'

export class FrameMessage implements Message {
  readonly route: number
  readonly meta: Metadata | undefined
  readonly body: Uint8Array

  constructor(route: number, meta: Metadata | undefined, body: Uint8Array) {
    this.route = route
    this.meta = meta
    this.body = body
  }

  value(): unknown {
    const { body, route } = this
    if (body.length === 0) return undefined
    try {
      return decodeBody(body, 0, body.length)
    } catch (cause) {
      throw new ClientError('BAD_ANSWER', `the message of route ${route} is not msgpack`, { cause })
    }
  }
}
