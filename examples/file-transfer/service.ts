/**
 * Files of FILES_DIR, sent in chunks: as MESSAGEs, no faster than the client reads them, and behind them the answer to
 * the request, with the digest of all.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { clientRoute, defineService, route, ShardwireError } from '@shardwire/server'
import { z } from 'zod'

declare module '@shardwire/server' {
  interface Attributes {
    /** Chunks carry no name: a connection gets one file at a time. */
    isReceiving?: boolean
  }
}

const CHUNK_BYTES = 65_536
const folder = process.env['FILES_DIR'] ?? '.'
const chunk = clientRoute(10, { body: 'bytes' })

/** A name, and no way out of the folder. */
const Name = z.string().regex(/^[\w-][\w.-]{0,127}$/)

export default defineService({
  name: 'file-transfer',
  routes: {
    get: route(1, { body: Name, timeoutMs: 600_000 }, async ({ body, connection, signal }) => {
      if (connection.attributes.isReceiving === true) {
        throw new ShardwireError('OVERLOADED', 'one file at a time', { retryAfterMs: 1000 })
      }
      connection.attributes.isReceiving = true
      try {
        await using file = await open(join(folder, body)).catch((cause: unknown) => {
          throw new ShardwireError('BAD_REQUEST', `there is no file ${body}`, { cause })
        })
        const hash = createHash('sha256')
        let bytes = 0
        for await (const part of file.createReadStream({ highWaterMark: CHUNK_BYTES, signal })) {
          const data = part as Uint8Array
          hash.update(data)
          bytes += data.length
          if (!connection.send(chunk, data)) await connection.drained()
        }
        return { bytes, sha256: hash.digest('hex') }
      } finally {
        connection.attributes.isReceiving = false
      }
    }),
  },
})
