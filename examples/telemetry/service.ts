/**
 * A sink for readings of devices: MESSAGEs, which nobody waits for, gathered and appended to a file of JSON lines. Each
 * worker has a file of its own in TELEMETRY_DIR.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { defineService, route, type ServiceLog } from '@shardwire/server'
import { z } from 'zod'

const FLUSH_INTERVAL_MS = 500
/** Lines that wait for the disk at most: beyond them the newest are dropped, and counted. */
const LINES_MAX = 100_000

const Reading = z.object({
  device: z.string().min(1).max(64),
  at: z.date(),
  celsius: z.number().min(-80).max(200),
})

const counts = { taken: 0, written: 0, dropped: 0 }
const lines: string[] = []
let file: FileHandle | undefined
let timer: NodeJS.Timeout | undefined
/** One write at a time, in order. */
let writing: Promise<void> = Promise.resolve()

function flush(log: ServiceLog): Promise<void> {
  const batch = lines.splice(0)
  writing = writing.then(async () => {
    if (batch.length === 0) return
    try {
      await file?.appendFile(batch.join(''))
      counts.written += batch.length
    } catch (error) {
      counts.dropped += batch.length
      log.error({ event: 'telemetry-lost', err: error, lines: batch.length }, 'readings could not be written')
    }
  })
  return writing
}

export default defineService({
  name: 'telemetry',
  routes: {
    /** One reading, or a batch of them. */
    report: route(1, { body: Reading.or(z.array(Reading).max(1000)) }, ({ body }) => {
      for (const reading of Array.isArray(body) ? body : [body]) {
        counts.taken++
        if (lines.length < LINES_MAX) lines.push(`${JSON.stringify(reading)}\n`)
        else counts.dropped++
      }
    }),
    counts: route(2, { body: 'none' }, () => counts),
  },

  async onStart({ shard, log }) {
    const folder = process.env['TELEMETRY_DIR'] ?? 'telemetry'
    await mkdir(folder, { recursive: true })
    file = await open(join(folder, `worker-${shard}.jsonl`), 'a')
    timer = setInterval(() => void flush(log), FLUSH_INTERVAL_MS)
  },

  /** Every connection has ended: what is left is written, and the disk has it. */
  async onStop({ log }) {
    clearInterval(timer)
    await flush(log)
    await file?.sync()
    await file?.close()
    log.info({ event: 'telemetry-closed', ...counts }, 'telemetry closed')
  },
})
