/**
 * Owns which reader of answers goes with which codec.
 * Must not know: connections beyond what readers need.
 * Invariant: all connections of a process share one frame decoder.
 */
import { FrameDecoder } from '@shardwire/protocol'

import type { LoadShared } from '../load-shared.ts'
import type { AnsweredConnection, AnswerReader } from './answer-reader.ts'
import { FixedAnswers } from './fixed-answers.ts'
import { FrameAnswers } from './frame-answers.ts'
import { JsonAnswers } from './json-answers.ts'

export function answerReaders({ plan, frameBytesMax }: LoadShared): (connection: AnsweredConnection) => AnswerReader {
  switch (plan.codec) {
    case 'frame': {
      const decoder = new FrameDecoder(frameBytesMax)
      return (connection) => new FrameAnswers(connection, decoder)
    }
    case 'json':
      return (connection) => new JsonAnswers(connection)
    case 'line':
    case 'raw':
      return (connection) => new FixedAnswers(connection)
  }
}
