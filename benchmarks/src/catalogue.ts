/**
 * Owns the list of all cases, in the order in which they run.
 * Must not know: what they do.
 */
import { acceptCases } from './accept.ts'
import { clientCases } from './client.ts'
import type { Case } from './context.ts'
import { macroCases } from './macro.ts'
import { memoryCases } from './memory.ts'
import { microCases } from './micro.ts'
import { offloadCases } from './offload.ts'
import { slowReaderCases } from './slow-readers.ts'
import { stormCases } from './storm.ts'

export const CASES: readonly Case[] = [
  ...microCases,
  ...macroCases,
  ...offloadCases,
  ...slowReaderCases,
  ...clientCases,
  ...acceptCases,
  ...memoryCases,
  ...stormCases,
]
