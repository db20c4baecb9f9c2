/**
 * Owns what a message prepared once and stamped for every use is, whatever the codec.
 * Must not know: codecs.
 * Invariant: a stamp changes the fields of connection and sequence, and a checksum over them, and nothing else.
 */

export interface Template {
  /** Length of the message, delimiter and all. */
  readonly bytes: number
  /** The message with connection and sequence 0. */
  readonly blank: Uint8Array
  /** Makes the blank that stands at `at` the message of this connection and sequence. */
  stamp(view: DataView, at: number, connection: number, sequence: number): void
  /** Name of the field that a byte of the message belongs to, for messages to people. */
  fieldAt(offset: number): string
}

export function viewOf(memory: Uint8Array): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
}

/** Letters, which a packet capture shows. */
export function letters(bytes: number): Uint8Array {
  const memory = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++) memory[at] = 97 + (at % 26)
  return memory
}
