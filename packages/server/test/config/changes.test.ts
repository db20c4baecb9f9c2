import { describe, expect, it } from 'vitest'
import { changesBetween } from '../../src/config/changes.ts'
import { configOf } from './machines.ts'

function changes(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>) {
  return changesBetween(configOf(before), configOf(after))
}

describe('what a reload changes', () => {
  it('nothing, when nothing did', () => {
    const env = { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?heartbeat-ms=100' }
    expect(changes(env, env)).toEqual({ names: [], problems: [] })
  })

  it('limits, deadlines, the service, the log level: by name', () => {
    const after = { SHARDWIRE_SERVICE: 'x.js', SHARDWIRE_MAX_IN_FLIGHT: '5', SHARDWIRE_LOG_LEVEL: 'debug' }
    const { names, problems } = changes({}, after)
    expect(names.toSorted()).toEqual(Object.keys(after).toSorted())
    expect(problems).toEqual([])
  })

  it('the limits of an address, and what its connections are given', () => {
    const address = 'tcp://127.0.0.1:7400'
    const { names, problems } = changes({}, { SHARDWIRE_LISTEN: `${address}?heartbeat-ms=100&max-frame-bytes=2048` })
    expect([names, problems]).toEqual([['SHARDWIRE_LISTEN'], []])
    const options = { SHARDWIRE_BACKLOG: '7', SHARDWIRE_NODELAY: 'false', SHARDWIRE_KEEPALIVE_MS: '5000' }
    const all = changes({}, { ...options, SHARDWIRE_MAX_CONNECTIONS: '10' })
    expect([all.names.toSorted(), all.problems]).toEqual([
      [...Object.keys(options), 'SHARDWIRE_LISTEN', 'SHARDWIRE_MAX_CONNECTIONS'].toSorted(),
      [],
    ])
  })

  it.each([
    ['SHARDWIRE_LISTEN', 'tcp://127.0.0.1:7500', 'tcp://127.0.0.1:7400'],
    ['SHARDWIRE_WORKERS', '7', '4'],
    ['SHARDWIRE_ACCEPT', 'reuseport', 'handoff'],
    ['SHARDWIRE_TRANSPORT', 'socket', 'auto'],
  ])('%s needs a restart, and is told with both values', (name, value, before) => {
    const { problems } = changes({}, { [name]: value })
    const own = problems.filter((problem) => problem.name === name)
    expect(own).toMatchObject([{ message: `${name} is ${value} now and was ${before} at the start: needs a restart` }])
  })
})
