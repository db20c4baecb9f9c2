/**
 * Owns reading docs/protocol-vectors.json.
 * Must not know: how it was made.
 * Invariant: what is read is the published file, not the sources behind it.
 */
import { readFileSync } from 'node:fs'
import type { ProtocolVectors } from '../../../../scripts/protocol-vectors/vector.ts'

export const VECTORS = JSON.parse(
  readFileSync(new URL('../../../../docs/protocol-vectors.json', import.meta.url), 'utf8'),
) as ProtocolVectors
