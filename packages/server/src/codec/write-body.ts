/**
 * Owns the plainest answer: its body, and nothing else.
 * Must not know: codecs.
 */
import type { CodecAnswer } from './codec.ts'
import type { Writer } from './writer.ts'

export function writeBody(writer: Writer, { memory, start, end }: CodecAnswer): void {
  writer.bytes(memory, start, end)
}
