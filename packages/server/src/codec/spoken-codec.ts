/**
 * Owns what a worker knows of the codec that a listener speaks.
 * Must not know: connections, how it is driven.
 */
import type { Codec, CodecDefinition, CodecOptions } from './codec.ts'
import { codecFault } from './codec.ts'

/** What a message may have beside its body, in bytes: more of it is FRAME_TOO_LARGE. */
export const CODEC_OVERHEAD_BYTES = 64

export interface SpokenCodec {
  readonly name: string
  readonly codec: Codec
  readonly carriesValues: boolean
  readonly isOrdered: boolean
  /** Whether it has a form for errors; else they are told by a close. */
  readonly speaksErrors: boolean
  /** Whether a service may send unasked. */
  readonly pushes: boolean
  /** Name or number of the route of messages that name none. */
  readonly route: string | number | undefined
}

/** @throws TypeError for what `create` made of the options, when that is no codec */
export function speak(definition: CodecDefinition, options: CodecOptions, route: string | undefined): SpokenCodec {
  const { name } = definition
  const codec = definition.create(options)
  const fault = codecFault(codec)
  if (fault !== undefined) throw new TypeError(`codec ${name}: ${fault}`)
  return {
    name,
    codec,
    carriesValues: codec.carries === 'values',
    isOrdered: codec.ordered !== false,
    speaksErrors: codec.encodeError !== undefined,
    pushes: codec.pushes !== false,
    route: route !== undefined && /^\d+$/.test(route) ? Number(route) : route,
  }
}
