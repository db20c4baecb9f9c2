/**
 * Owns what the demo service runs in threads.
 * Must not know: routes.
 */
import { scryptSync } from 'node:crypto'
import { defineTask } from '../offload/task.ts'

/** Costly on purpose: about 40 ms of a core. The parameters are those of docs/protocol.md. */
const DIGEST_BYTES = 32
const DIGEST_COST = { N: 2 ** 14, r: 8, p: 1 }

export const digest = defineTask(import.meta, (body: Uint8Array) => scryptSync(body, '', DIGEST_BYTES, DIGEST_COST))
