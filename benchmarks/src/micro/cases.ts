/**
 * Owns the list of the micro group.
 * Must not know: how it is run.
 */
import { bodyCases } from './bodies.ts'
import { poolCase, ringCase } from './buffers.ts'
import { crcCase } from './crc.ts'
import { decodeCases, encodeCases, forwardCase } from './frames.ts'
import { jsonCases } from './json.ts'
import type { MicroCase } from './micro-case.ts'
import { wheelCase } from './wheel.ts'

export const MICRO_CASES: readonly MicroCase[] = [
  crcCase,
  ...decodeCases,
  ...encodeCases,
  forwardCase,
  ringCase,
  poolCase,
  ...bodyCases,
  ...jsonCases,
  wheelCase,
]
