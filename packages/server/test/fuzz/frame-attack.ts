/**
 * Owns attacks on listeners of frames.
 * Must not know: the daemon under test.
 */
import * as protocol from '@shardwire/protocol'
import type { Random, ReceivedFrame } from '@shardwire/testkit'
import type { Attack } from './attack.ts'
import { type ExpectedFrame, predict } from './demo-oracle.ts'
import { fuzzStream } from './streams.ts'

export function frameAttack(random: Random, frameBytesMax: number): Attack {
  const stream = fuzzStream(random)
  const { frames, reason, isExact } = predict(stream, frameBytesMax)
  return {
    listener: 0,
    stream,
    reason,
    check({ received }) {
      if (isExact) compare(received, frames)
    },
  }
}

function compare(received: readonly ReceivedFrame[], frames: readonly ExpectedFrame[]): void {
  const differs = frames.findIndex((expected, index) => !isSame(received[index], expected))
  const at = differs >= 0 ? differs : frames.length
  if (differs < 0 && received.length === frames.length) return
  const got = received[at] === undefined ? 'nothing' : told(received[at])
  throw new Error(`frame ${at}: expected ${JSON.stringify(frames[at] ?? 'the end')}, got ${got}`)
}

function isSame(received: ReceivedFrame | undefined, expected: ExpectedFrame): boolean {
  if (received === undefined) return false
  const { kind, route, id, code, body } = expected
  if (received.kind !== kind || received.route !== route || received.id !== id) return false
  if (code !== undefined && errorCodeOf(received) !== code) return false
  return body === undefined || Buffer.from(received.body).toString('hex') === body
}

function told({ kind, route, id, body }: ReceivedFrame): string {
  const text = kind === protocol.KIND_ERROR ? protocol.decodeErrorBody(body, 0, body.length).message : ''
  return `kind ${kind}, route ${route}, id ${id}, ${body.length} bytes ${text}`
}

function errorCodeOf({ body }: ReceivedFrame): number {
  return protocol.decodeErrorBody(body, 0, body.length).code
}
