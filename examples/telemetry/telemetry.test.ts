/** The telemetry sink in the real daemon, with the devices of its README: nothing that was taken is lost by a stop. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBody, KIND_MESSAGE } from '@shardwire/protocol'
import { Program, RawClient, startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const SERVICE = new URL('service.ts', import.meta.url).pathname
const DEVICE = new URL('device.ts', import.meta.url)

test('the readings of all devices are in the workers’ files, each once, when the daemon has stopped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shardwire-telemetry-'))
  process.env['TELEMETRY_DIR'] = folder
  try {
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE })
    const port = String(daemon.port)
    const names = ['roof', 'cellar', 'garden', 'shed']
    const devices = names.map((name) => new Program(DEVICE, [name, '2500', port]))
    for (const [index, device] of devices.entries()) {
      expect(await device.ended()).toEqual([`${names[index]}: 2500 readings`])
    }
    await using wrong = await RawClient.connect(daemon.port)
    await wrong.sendFrames({ kind: KIND_MESSAGE, route: 1, body: encodeBody({ device: 'x', at: 1, celsius: 'hot' }) })
    expect((await wrong.nextFrame()).route).toBe(1)
    expect(await daemon.stop()).toBe(0)

    const files = await readdir(folder)
    const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
    const readings = texts
      .flatMap((text) => text.trim().split('\n'))
      .map((line) => JSON.parse(line) as { device: string })
    const counts = Map.groupBy(readings, ({ device }) => device)
    expect(names.map((name) => counts.get(name)?.length)).toEqual([2500, 2500, 2500, 2500])
    expect([counts.size, readings.length]).toEqual([4, 10_000])
  } finally {
    delete process.env['TELEMETRY_DIR']
    await rm(folder, { recursive: true })
  }
})
