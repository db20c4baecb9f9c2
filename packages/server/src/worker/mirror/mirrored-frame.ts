/**
 * Owns how a frame that came is written for the target: as it came, or a REQUEST under another id.
 * Must not know: sockets, who asks.
 * Invariant: the result is the frame that the encoder would write; what it is read from is not changed.
 */
import {
  copyBytes,
  crc32,
  type FrameDecoder,
  ID_BYTES,
  KIND_REQUEST,
  PREFIX_BYTES,
  writeU32,
} from '@shardwire/protocol'

const ID_END = PREFIX_BYTES + ID_BYTES

/** Writes the frame that the decoder describes in `source` to target at `at`. @param id for a REQUEST */
export function writeMirrored(
  decoder: FrameDecoder,
  source: Uint8Array,
  target: Uint8Array,
  at: number,
  id: number,
): void {
  const { kind, frameStart, bodyEnd, frameEnd } = decoder
  if (kind !== KIND_REQUEST) return copyBytes(source, frameStart, frameEnd, target, at)
  const rest = frameStart + ID_END
  copyBytes(source, frameStart, frameStart + PREFIX_BYTES, target, at)
  writeU32(target, at + PREFIX_BYTES, id)
  copyBytes(source, rest, bodyEnd, target, at + ID_END)
  // The rest where it came: read slabs stand where checksums are computed in place.
  const crc = crc32(source, rest, bodyEnd, crc32(target, at, at + ID_END))
  writeU32(target, at + bodyEnd - frameStart, crc)
}
