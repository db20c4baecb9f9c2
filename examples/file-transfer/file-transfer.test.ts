/** The file transfer in the real daemon, with the client of its README, and with one who does not read. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBody, KIND_REQUEST } from '@shardwire/protocol'
import { Program, RawClient, startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const SERVICE = new URL('service.ts', import.meta.url).pathname
const FETCH = new URL('fetch.ts', import.meta.url)
const FILE_BYTES = 30_000_001

test('a file arrives as it is, also at one who does not read for a while; its name leads nowhere else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shardwire-files-'))
  process.env['FILES_DIR'] = folder
  try {
    const content = Buffer.alloc(FILE_BYTES, 'chunk by chunk ')
    await writeFile(join(folder, 'large.bin'), content)
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE })
    const port = String(daemon.port)
    await using slow = await RawClient.connect(daemon.port)
    slow.pause()
    await slow.sendFrames({ kind: KIND_REQUEST, route: 1, id: 1, body: encodeBody('large.bin') })

    const into = join(folder, 'copy.bin')
    await using fetched = new Program(FETCH, ['large.bin', into, port])
    const sha256 = createHash('sha256').update(content).digest('hex')
    expect(await fetched.ended()).toEqual([`${into}: ${FILE_BYTES} bytes, sha256 ${sha256}`])
    expect((await readFile(into)).equals(content)).toBe(true)

    slow.resume()
    const hash = createHash('sha256')
    for (let bytes = 0; bytes < FILE_BYTES;) {
      const { body } = await slow.nextFrame()
      hash.update(body)
      bytes += body.length
    }
    expect(hash.digest('hex')).toBe(sha256)

    await using astray = new Program(FETCH, ['../secret', join(folder, 'nothing'), port])
    expect((await astray.ended()).join('\n')).toContain('BAD_BODY')
    await using missing = new Program(FETCH, ['missing', join(folder, 'nothing'), port])
    expect((await missing.ended()).join('\n')).toContain('there is no file missing')
    expect(await daemon.stop()).toBe(0)
  } finally {
    delete process.env['FILES_DIR']
    await rm(folder, { recursive: true })
  }
})
