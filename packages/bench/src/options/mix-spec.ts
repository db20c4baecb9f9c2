/**
 * Owns how a mix of routes is written, and the messages of the demo service.
 * Must not know: connections, latencies.
 * Invariant: each entry is a class of its own, whose latencies are told apart; what must come back is known byte for
 * byte wherever the route's answer follows from its request.
 */
import { encodeBody } from '@shardwire/protocol'
import { scryptSync } from 'node:crypto'

import type { Traffic, TrafficShape } from '../messages.ts'
import { wholeOf } from './flag.ts'
import type { WeightedSize } from './size-spec.ts'

/** One entry: a route, or a route of the demo service by its name, and how often it comes relative to the others. */
export interface MixEntry {
  readonly name: string
  readonly weight: number
}

export const MIX_EXPECTED = 'ROUTE:WEIGHT entries with echo, greet, digest, sleep or a number that echoes as routes'
const WEIGHT_MAX = 10_000
const ENTRIES_MAX = 16
const ROUTE_MAX = 4095
const ECHO = 1
const GREET = 2
const DIGEST = 3
const SLEEP = 4
/** What a `sleep` of a mix asks for. */
const SLEEP_MS = 10
const NAMES = ['echo', 'greet', 'digest', 'sleep']

/** Undefined for text that is no mix. */
export function parseMix(text: string): readonly MixEntry[] | undefined {
  const entries = text.split(',').map((part) => {
    const [name = '', weight = '1', ...rest] = part.split(':')
    const times = wholeOf(weight, 1, WEIGHT_MAX)
    const isRoute = NAMES.includes(name) || wholeOf(name, 1, ROUTE_MAX) !== undefined
    return rest.length > 0 || times === undefined || !isRoute ? undefined : { name, weight: times }
  })
  const known = entries.filter((entry) => entry !== undefined)
  return known.length < entries.length || known.length > ENTRIES_MAX ? undefined : known
}

/** The traffic of one route that echoes. */
export function plainTraffic(route: number, sizes: readonly WeightedSize[]): Traffic {
  return trafficOf([{ name: String(route), weight: 1 }], sizes)
}

/** The traffic of a mix: every entry that echoes comes in every size. */
export function trafficOf(entries: readonly MixEntry[], sizes: readonly WeightedSize[]): Traffic {
  const shapes: TrafficShape[] = []
  const weights: number[] = []
  const sizesWeight = sizes.reduce((sum, { weight }) => sum + weight, 0)
  entries.forEach((entry, classIndex) => {
    const fixed = demoShape(entry.name, classIndex)
    if (fixed !== undefined) {
      shapes.push(fixed)
      weights.push(entry.weight)
      return
    }
    const route = entry.name === 'echo' ? ECHO : Number(entry.name)
    for (const { bytes, weight } of sizes) {
      shapes.push({ classIndex, route, payloadBytes: bytes, body: null, answer: 'echo' })
      weights.push((entry.weight * weight) / sizesWeight)
    }
  })
  return { classes: entries.map(({ name }) => name), shapes, weights }
}

/** The one message of a route of the demo service that does not echo. */
function demoShape(name: string, classIndex: number): TrafficShape | undefined {
  const shape = (route: number, body: Uint8Array, answer: string): TrafficShape => {
    const hex = Buffer.from(body).toString('hex')
    return { classIndex, route, payloadBytes: body.length, body: hex, answer }
  }
  if (name === 'greet') return shape(GREET, encodeBody({ uid: 'bench', val: 'hello' }), 'any')
  if (name === 'sleep') return shape(SLEEP, encodeBody({ ms: SLEEP_MS }), 'any')
  if (name !== 'digest') return undefined
  const body = Buffer.from('shardwire-bench')
  const answer = scryptSync(body, '', 32, { N: 2 ** 14, r: 8, p: 1 })
  return shape(DIGEST, body, answer.toString('hex'))
}
