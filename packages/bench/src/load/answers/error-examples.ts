/**
 * Owns the words for the first error of a process: which byte was wrong, what was expected, what came.
 * Must not know: sockets, counts.
 * Invariant: offsets are offsets in the message, from its first byte.
 */
import { KIND_NAMES } from '@shardwire/protocol'
import type { FrameDecoder } from '@shardwire/protocol'

import type { ErrorExample } from '../../messages.ts'
import type { AnswerCheck } from '../message/answer-check.ts'

/** Bytes shown on either side of a difference. */
const SHOWN_BYTES = 16

type Example = Omit<ErrorExample, 'kind'>

export interface AnswerSeen {
  readonly connection: number
  readonly sequence: number
  readonly memory: Uint8Array
  readonly start: number
  readonly end: number
}

/** An answer that is not the message that `check` expects; `why` comes first in the sentence. */
export function differentAnswer(check: AnswerCheck, seen: AnswerSeen, why: string): Example {
  const { connection, sequence, memory, start, end } = seen
  const offset = check.firstDifference(memory, start, Math.min(end, start + check.bytes))
  const where = `connection ${connection}, answer to frame ${sequence}`
  if (offset < 0) return plainExample(connection, sequence, `${where}: ${why}`)
  const expected = check.expectedHex(offset, SHOWN_BYTES)
  const got = Buffer.from(memory.subarray(start + offset, Math.min(end, start + offset + SHOWN_BYTES))).toString('hex')
  const field = check.fieldAt(offset)
  const place = `first difference at byte ${offset} of the frame (${field})`
  const sentence = `${where}: ${why}; ${place}: expected ${expected}, got ${got}`
  return { connection, sequence, offset, expected, got, sentence }
}

/** An error in which no byte is to blame. */
export function plainExample(connection: number, sequence: number, sentence: string): Example {
  return { connection, sequence, offset: -1, expected: '', got: '', sentence }
}

/** What a frame is, in words. */
export function frameInWords(decoder: FrameDecoder): string {
  const id = decoder.id === 0 ? '' : `, id ${decoder.id}`
  const bytes = decoder.bodyEnd - decoder.bodyStart
  return `${KIND_NAMES[decoder.kind] ?? 'frame'} on route ${decoder.route}${id}, ${bytes} bytes`
}
