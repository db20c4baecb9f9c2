/**
 * Owns streams of JSON for properties and fuzzing: objects with keys in every spelling, whole or spoiled.
 * Must not know: what they should lead to.
 * Invariant: the same sequence of random numbers makes the same streams.
 */
import { mutate, type Random } from '@shardwire/testkit'

const KEYS = ['uid', 'Uid', 'UID', 'val', 'Val', 'route', 'ROUTE', 'other', '\\u0075id', 'v\\u0061l', 'ü', 'a"b']
const TEXTS = [
  '',
  'x',
  '}',
  '{"',
  '\\',
  'ü€😀',
  '__proto__',
  'greet',
  'echo',
  'fail',
  '\u0000',
  '\ud83d',
  ']'.repeat(5),
]
const NUMBERS = ['0', '-0', '1', '2', '1.0', '12345678901234567890', '1e400', '-3.5E-7', '9007199254740993']
const GAPS = ['', '', '\n', '\r\n', '  ', '\t\n ']
const OBJECTS_MAX = 5
const MEMBERS_MAX = 5

/** @param longest of a text that is made long now and then, in characters */
export function jsonStream(random: Random, longest = 0): Uint8Array {
  const parts = Array.from({ length: random.integer(0, OBJECTS_MAX) }, () => {
    return `${random.pick(GAPS)}${object(random, longest)}`
  })
  const mark = random.next() < 0.1 ? '\ufeff' : ''
  const whole = Buffer.from(`${mark}${parts.join('')}${random.pick(GAPS)}`)
  return random.next() < 0.5 ? mutate(whole, random) : whole
}

function object(random: Random, longest: number): string {
  const gap = random.pick(GAPS)
  const members = Array.from({ length: random.integer(0, MEMBERS_MAX) }, () => {
    const key = random.pick(KEYS)
    const quoted = key.includes('\\') ? `"${key}"` : JSON.stringify(key)
    return `${quoted}${gap}:${gap}${value(random, random.integer(0, 4))}`
  })
  // Most clients write what a server can make something of.
  if (random.next() < 0.4) members.push(`"route":${random.pick(['"echo"', '"greet"', '"fail"', '1', '99'])}`)
  if (random.next() < 0.4) members.push(`"val":${text(random)}`)
  if (random.next() < 0.1) members.push(`"val":"${'y'.repeat(random.integer(0, longest))}"`)
  if (random.next() < 0.02) members.push(`"deep":${'['.repeat(70)}${']'.repeat(70)}`)
  return `{${gap}${members.join(`${gap},${gap}`)}${gap}}`
}

function value(random: Random, depth: number): string {
  const draw = random.next()
  if (depth <= 0 || draw < 0.4) return random.pick([text(random), random.pick(NUMBERS), 'null', 'true'])
  const gap = random.pick(GAPS)
  const items = Array.from({ length: random.integer(0, 3) }, () => value(random, depth - 1))
  if (draw < 0.7) return `[${gap}${items.join(`,${gap}`)}${gap}]`
  return `{${gap}${items.map((item) => `${text(random)}:${gap}${item}`).join(',')}${gap}}`
}

function text(random: Random): string {
  return JSON.stringify(random.pick(TEXTS))
}
