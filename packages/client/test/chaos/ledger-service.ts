/**
 * Owns a service that writes down what it was asked before it answers: which requests ran, and how often.
 * Must not know: who asks, or what of it is allowed.
 * Invariant: a request is in the ledger before any answer of it can leave the process.
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { defineService, route } from '@shardwire/server'

/** The first bytes of a body say which request it is. */
const NONCE_BYTES = 24

// One file for each worker: appended to, so that a worker that is killed leaves what it wrote.
const ledger = openSync(join(process.env['LEDGER'] ?? '.', `${process.pid}.ledger`), 'a')

function note(bytes: Uint8Array): void {
  writeSync(ledger, `${Buffer.from(bytes.subarray(0, NONCE_BYTES)).toString('hex')}\n`)
}

async function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setImmediate(resolve)
  await promise
}

export default defineService({
  name: 'ledger',
  routes: {
    atOnce: route(1, { body: 'bytes' }, (request) => {
      note(request.bytes)
      return request.forward()
    }),
    later: route(2, { body: 'bytes' }, async (request) => {
      const body = request.keep()
      note(body)
      for (let left = (body[0] ?? 0) % 8; left > 0; left--) await turn()
      return body
    }),
  },
})
