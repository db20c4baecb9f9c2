import { expect, test } from 'vitest'

import { effectiveSettings } from '../../src/fleet/daemon.ts'
import { daemonSettings, describeSettings } from '../../src/ladder/daemon-settings.ts'

const DEMAND = { target: { host: '127.0.0.1', port: 7400 }, connections: 1_000_016, descriptorsMax: 20_000, cores: 2 }

test('a million connections take as many workers as their open files want, and a PING every two minutes', () => {
  const settings = daemonSettings(DEMAND)
  expect(settings).toMatchObject({
    SHARDWIRE_LISTEN: 'tcp://127.0.0.1:7400',
    SHARDWIRE_WORKERS: '51',
    SHARDWIRE_HEARTBEAT_MS: '126000',
  })
  expect(describeSettings(settings)).toMatch(/^SHARDWIRE_LISTEN=tcp:\/\/127.0.0.1:7400 SHARDWIRE_ADMIN=off /)
})

test('few connections take a worker for each core, and the usual PINGs', () => {
  const settings = daemonSettings({ ...DEMAND, connections: 1000, cores: 4 })
  expect(settings).toMatchObject({ SHARDWIRE_WORKERS: '4', SHARDWIRE_HEARTBEAT_MS: '30000' })
})

test('variables of whoever calls outweigh these, and no others come along', () => {
  const env = { SHARDWIRE_WORKERS: '7', SHARDWIRE_SERVICE: './x.ts', PATH: '/bin' }
  const settings = effectiveSettings(daemonSettings(DEMAND), env)
  expect(settings['SHARDWIRE_WORKERS']).toBe('7')
  expect(Object.keys(settings)).toEqual(Object.keys(daemonSettings(DEMAND)))
})
