/**
 * Owns the streams that the fuzzer sends: frames of the published vectors, frames of its own, garbage, and all of that
 * spoiled.
 * Must not know: what they should lead to.
 * Invariant: the same sequence of random numbers makes the same streams.
 */
import { readFileSync } from 'node:fs'
import * as protocol from '@shardwire/protocol'
import { joinBytes, mutate, type Random } from '@shardwire/testkit'

const VECTORS = new URL('../../../../docs/protocol-vectors.json', import.meta.url)

interface Vectors {
  readonly validFrames: readonly { readonly hex: string }[]
  readonly invalidFrames: readonly { readonly hex: string }[]
  readonly validBodies: readonly { readonly hex: string }[]
  readonly invalidBodies: readonly { readonly hex: string }[]
}

const vectors = JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors
const VALID = vectors.validFrames.map(bytesOf)
const INVALID = vectors.invalidFrames.map(bytesOf)
const BODIES = [...vectors.validBodies, ...vectors.invalidBodies].map(bytesOf)
const GREETING = protocol.encodeBody({ uid: 1, val: 'fuzz' })

const KINDS = [0, 0, 0, 1, 1, 1, 2, 3, 4, 7]
const ROUTES = [1, 1, 1, 2, 2, 5, 5, 0, 6, 4095]
const OPCODES = [0, 0, 1, 2, 3, 4, 5, 63, 64, 4095]
const BODY_BYTES = [0, 1, 3, 4, 5, 60, 61, 125, 126, 256, 1000, 4096, 20_000]
const FRAMES_MAX = 10
const RUN_FRAMES_MAX = 40
const GARBAGE_BYTES_MAX = 3000

/** One stream: mostly frames, mostly whole, with something wrong somewhere. */
export function fuzzStream(random: Random): Uint8Array {
  if (random.next() < 0.05) return random.bytes(random.integer(1, GARBAGE_BYTES_MAX))
  const parts = Array.from({ length: random.integer(1, FRAMES_MAX) }, () => part(random))
  if (random.next() < 0.2) parts.splice(random.integer(0, parts.length), 0, ...run(random))
  const stream = joinBytes(parts)
  return random.next() < 0.2 ? mutate(stream, random) : stream
}

function part(random: Random): Uint8Array {
  const draw = random.next()
  if (draw < 0.2) return random.pick(VALID)
  if (draw < 0.25) return random.pick(INVALID)
  if (draw < 0.8) return frame(random)
  if (draw < 0.9) return resealed(mutate(frame(random), random))
  return mutate(random.next() < 0.5 ? random.pick(VALID) : frame(random), random)
}

function frame(random: Random): Uint8Array {
  const kind = random.pick(KINDS)
  const route = kind === protocol.KIND_CONTROL ? random.pick(OPCODES) : random.pick(ROUTES)
  const id = random.next() < 0.9 ? random.integer(1, 0xffff_ffff) : random.integer(0, 2)
  const meta = kind < protocol.KIND_CANCEL && random.next() < 0.15 ? metadata(random) : undefined
  const body = kind === protocol.KIND_CANCEL ? new Uint8Array(0) : bodyFor(route, random)
  return protocol.encodeFrame({ kind, route, id, body, ...(meta === undefined ? {} : { meta }) })
}

/** Echoes of nearly one length, which are looked for and checked side by side. */
function run(random: Random): Uint8Array[] {
  const bytes = random.pick(BODY_BYTES.filter((length) => length < 200))
  return Array.from({ length: random.integer(2, RUN_FRAMES_MAX) }, () => {
    const kind = random.pick([protocol.KIND_MESSAGE, protocol.KIND_REQUEST])
    const body = random.bytes(bytes + random.integer(0, 2))
    return protocol.encodeFrame({ kind, route: 1, id: random.integer(1, 0xffff_ffff), body })
  })
}

function bodyFor(route: number, random: Random): Uint8Array {
  const draw = random.next()
  if (route === 2 && draw < 0.5) return GREETING
  if (draw < 0.2) return random.pick(BODIES)
  return random.bytes(random.pick(BODY_BYTES))
}

function metadata(random: Random): Uint8Array {
  const block = protocol.encodeMetadata({ deadlineMs: random.pick([0, 1000, 9000]), tag: random.integer(0, 99) })
  return random.next() < 0.3 ? mutate(block, random) : block
}

/** With the length and the CRC that its other bytes ask for, so that what is wrong is found behind those two. */
function resealed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < protocol.FRAME_OVERHEAD_BYTES) return bytes
  const copy = new Uint8Array(bytes)
  protocol.sealFrame(copy, 0, copy.length - protocol.CRC_BYTES)
  return copy
}

function bytesOf({ hex }: { readonly hex: string }): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}
