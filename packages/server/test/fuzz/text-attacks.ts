/**
 * Owns attacks on listeners of JSON and of lines, and a second opinion on what the demo service makes of them.
 * Must not know: the daemon under test, or any part of its codecs.
 */
import { mutate, type Random, type RawClient } from '@shardwire/testkit'
import type { CloseReasonName } from '../../src/close-reason.ts'
import { jsonStream } from '../codec/json-streams.ts'
import { type OracleObject, readJsonStream } from '../codec/oracle-json.ts'
import { starred } from '../worker/codecs/codec-peer.ts'
import type { Attack } from './attack.ts'

const ROUTES = ['', 'echo', 'greet', 'digest', 'sleep', 'fail']
/** Long enough for the largest object that is allowed, and for one that is not. */
const LONGEST = 70_000

/** @param bytesMax of an object */
export function jsonAttack(random: Random, bytesMax: number): Attack {
  const stream = jsonStream(random, LONGEST)
  const { objects, ends, sizes } = readJsonStream(stream)
  // What is too large is so before anybody looks at what it says.
  const large = sizes.findIndex((bytes) => bytes > bytesMax)
  const served = large < 0 ? objects : objects.slice(0, large)
  const expected = served.flatMap((one) => (one === 'life' ? [] : [answerTo(one)]))
  if (large >= 0) expected.push(errorLine('', 3, 'FRAME_TOO_LARGE'))
  else if (ends === 'broken') expected.push(errorLine('', 1, 'BAD_FRAME'))
  return {
    listener: 1,
    stream,
    reason: large >= 0 ? 'FRAME_TOO_LARGE' : reasonOf(ends),
    check: (client) => compare(textOf(client).split('\n').slice(0, -1).map(starred), expected),
  }
}

export function lineAttack(random: Random, bytesMax: number): Attack {
  const pieces = Array.from({ length: random.integer(0, 8) }, () => {
    const bytes = random.pick([0, 1, 20, 300, LONGEST])
    return random.pick(['', 'HEARTBEAT', '\r', '{"uid":1}', 'x'.repeat(random.integer(0, bytes))])
  })
  const whole = Buffer.from(pieces.map((piece) => `${piece}${random.pick(['\n', '\n', '\r\n', ''])}`).join(''))
  const stream = random.next() < 0.3 ? mutate(whole, random) : whole
  const lines = Buffer.from(stream).toString('latin1').split('\n')
  const expected: string[] = []
  let isTooLarge = false
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1
    if (isLast && line === '') break
    const body = line.replace(/\r$/, '')
    if (body.length > bytesMax) {
      isTooLarge = true
      break
    }
    // A heartbeat comes back as it came, what else with its delimiter alone.
    expected.push(body === 'HEARTBEAT' ? `${line}${isLast ? '' : '\n'}` : `${body}\n`)
  }
  return {
    listener: 2,
    stream,
    reason: isTooLarge ? 'FRAME_TOO_LARGE' : 'PEER_ENDED',
    check: (client) => compare([Buffer.from(client.bytes).toString('latin1')], [expected.join('')]),
  }
}

function reasonOf(ends: 'whole' | 'cut' | 'broken'): CloseReasonName {
  return ({ whole: 'PEER_ENDED', cut: 'TRUNCATED', broken: 'BAD_FRAME' } as const)[ends]
}

function answerTo({ uid, route, val, isBadUid }: OracleObject): string {
  const known = uid === undefined ? '' : `"uid":${uid},`
  const name = typeof route === 'number' ? ROUTES[route] : route
  if (typeof name !== 'string' || name === '' || !ROUTES.includes(name)) return errorLine(known, 5, 'UNKNOWN_ROUTE')
  if (name === 'fail' && !isBadUid && !hasProto(val)) return errorLine(known, 15, 'HANDLER_FAILED')
  const bad = errorLine(known, 4, 'BAD_BODY')
  if (isBadUid || hasProto(val)) return bad
  if (name === 'greet') return typeof val === 'string' ? valLine(known, `server: hello, ${val}`) : bad
  if (name !== 'echo') return bad
  if (val === undefined || val === null) return valLine(known, '')
  return typeof val === 'string' && val.isWellFormed() ? valLine(known, val) : bad
}

function valLine(uid: string, val: string): string {
  return `{${uid}"val":${JSON.stringify(val)},"ts":"*"}`
}

function errorLine(uid: string, code: number, name: string): string {
  return `{${uid}"error":{"code":${code},"name":"${name}","message":"*","retryable":false}}`
}

function hasProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]) => key === '__proto__' || hasProto(inner))
}

function textOf(client: RawClient): string {
  return Buffer.from(client.bytes).toString()
}

function compare(got: readonly string[], expected: readonly string[]): void {
  const differs = expected.findIndex((line, index) => line !== got[index])
  const at = differs >= 0 ? differs : expected.length
  if (differs < 0 && got.length === expected.length) return
  throw new Error(`answer ${at}: expected ${shown(expected[at])}, got ${shown(got[at])}`)
}

function shown(text: string | undefined): string {
  return text === undefined ? 'the end' : JSON.stringify(text.slice(0, 300))
}
