/** The public names for codecs of one's own: `@shardwire/server/codec`; no logic. */
export { BAD_FRAME, FRAME_TOO_LARGE } from '@shardwire/protocol'
export { type Codec, type CodecAnswer, type CodecDefinition, type CodecOptions, defineCodec } from './codec.ts'
export type { Decoded, Reading } from './reading.ts'
export type { Writer } from './writer.ts'
export {
  checkCodec,
  type CodecEnd,
  type CodecFinding,
  type CodecFixture,
  type CodecReplay,
  encodeAnswerWith,
  encodeErrorWith,
  replayCodec,
  type ReplayOptions,
} from './testing.ts'
