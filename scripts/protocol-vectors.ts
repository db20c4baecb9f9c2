/**
 * Owns docs/protocol-vectors.json: `node scripts/protocol-vectors.ts` writes it anew from the lists beside this file.
 * Must not know: what the tests do with it.
 * Invariant: the same sources give the same bytes of the file, so a test can tell when the two are out of step.
 */
import { writeFileSync } from 'node:fs'
import { FRAME_BYTES_MAX_DEFAULT, PROTOCOL_VERSION } from '@shardwire/protocol'
import { controlFrames, errorFrames, plainFrames } from './protocol-vectors/frames.ts'
import { brokenFrames, refusedFrames } from './protocol-vectors/invalid-frames.ts'
import { invalidBodies, validBodies } from './protocol-vectors/msgpack.ts'

/** Where the vectors are published. */
export const VECTORS_FILE = new URL('../docs/protocol-vectors.json', import.meta.url)

/** The text of the file: one vector a line, so that a change shows as a line. */
export function protocolVectors(): string {
  const lists = {
    validFrames: [...plainFrames(), ...errorFrames(), ...controlFrames()],
    invalidFrames: [...brokenFrames(), ...refusedFrames()],
    validBodies: validBodies(),
    invalidBodies: invalidBodies(),
  }
  const members = Object.entries(lists).map(([name, list]) => {
    return `  ${JSON.stringify(name)}: [\n${list.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n')}\n  ]`
  })
  const numbers = [`  "protocol": ${PROTOCOL_VERSION}`, `  "maxFrameBytes": ${FRAME_BYTES_MAX_DEFAULT}`]
  return `{\n${[...numbers, ...members].join(',\n')}\n}\n`
}

if (import.meta.main) writeFileSync(VECTORS_FILE, protocolVectors())
