/** Owns the tests of variables with our prefix that no row has. */
import { describe, expect, it } from 'vitest'
import { OPTIONS } from '../../src/config/options.ts'
import { isInjected } from '../../src/config/unknown-names.ts'
import { configOf, messagesOf, problemsOf } from './machines.ts'

/** What a pod gets for Services called shardwire (two ports, one named) and shardwire-admin. */
const KUBERNETES = {
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  SHARDWIRE_SERVICE_HOST: '10.96.12.7',
  SHARDWIRE_SERVICE_PORT: '7400',
  SHARDWIRE_SERVICE_PORT_FRAMES: '7400',
  SHARDWIRE_SERVICE_PORT_HTTP_METRICS: '9400',
  SHARDWIRE_PORT: 'tcp://10.96.12.7:7400',
  SHARDWIRE_PORT_7400_TCP: 'tcp://10.96.12.7:7400',
  SHARDWIRE_PORT_7400_TCP_PROTO: 'tcp',
  SHARDWIRE_PORT_7400_TCP_PORT: '7400',
  SHARDWIRE_PORT_7400_TCP_ADDR: '10.96.12.7',
  SHARDWIRE_PORT_9400_UDP: 'udp://10.96.12.7:9400',
  SHARDWIRE_PORT_9400_UDP_PROTO: 'udp',
  SHARDWIRE_PORT_9400_UDP_PORT: '9400',
  SHARDWIRE_PORT_9400_UDP_ADDR: '10.96.12.7',
  SHARDWIRE_ADMIN_SERVICE_HOST: '10.96.12.8',
  SHARDWIRE_ADMIN_SERVICE_PORT: '7401',
  SHARDWIRE_ADMIN_SERVICE_PORT_HTTP: '7401',
  SHARDWIRE_ADMIN_PORT: 'tcp://10.96.12.8:7401',
  SHARDWIRE_ADMIN_PORT_7401_TCP: 'tcp://10.96.12.8:7401',
  SHARDWIRE_ADMIN_PORT_7401_TCP_PROTO: 'tcp',
  SHARDWIRE_ADMIN_PORT_7401_TCP_PORT: '7401',
  SHARDWIRE_ADMIN_PORT_7401_TCP_ADDR: '10.96.12.8',
}

/** What a container gets that is linked to another under the alias shardwire. */
const LINK = {
  SHARDWIRE_NAME: '/web/shardwire',
  SHARDWIRE_ENV_PATH: '/usr/bin',
  SHARDWIRE_ENV_SHARDWIRE_LISTEN: 'tcp://0.0.0.0:7400',
  SHARDWIRE_PORT: 'tcp://172.17.0.5:7400',
  SHARDWIRE_PORT_7400_TCP: 'tcp://172.17.0.5:7400',
  SHARDWIRE_PORT_7400_TCP_ADDR: '172.17.0.5',
  SHARDWIRE_PORT_7400_TCP_START: 'tcp://172.17.0.5:7400',
  SHARDWIRE_PORT_7400_TCP_PORT_END: '7402',
}

describe('injected names', () => {
  it.each([
    ['Kubernetes', KUBERNETES],
    ['a container link', LINK],
  ])('of %s change nothing', (_, env) => {
    expect(configOf(env)).toEqual(configOf({}))
  })

  it('do not hide a row of the table', () => {
    const hidden = Object.values(OPTIONS).filter(({ name }) => isInjected(name, { ...LINK, [name]: 'tcp://h:1' }))
    expect(hidden).toEqual([])
  })

  it('leave what is set beside them in force', () => {
    expect(configOf({ ...KUBERNETES, SHARDWIRE_SERVICE: './service.ts' }).service).toBe('./service.ts')
  })

  it('are no excuse for a port that somebody wrote', () => {
    expect(messagesOf({ SHARDWIRE_PORT: '7400' })).toEqual([
      'SHARDWIRE_PORT is not an option of this version: did you mean SHARDWIRE_LISTEN?',
    ])
  })

  it('of a link are not ignored where there is no link', () => {
    expect(problemsOf({ SHARDWIRE_NAME: 'edge', SHARDWIRE_ENV_FILE: '.env' }).map(({ name }) => name)).toEqual([
      'SHARDWIRE_ENV_FILE',
      'SHARDWIRE_NAME',
    ])
  })
})

describe('unknown names', () => {
  it.each([
    ['SHARDWIRE_WROKERS', 'SHARDWIRE_WORKERS'],
    ['SHARDWIRE_WORKER', 'SHARDWIRE_WORKERS'],
    ['SHARDWIRE_IDLE_TIMEOUT', 'SHARDWIRE_IDLE_TIMEOUT_MS'],
    ['SHARDWIRE_HEARTBEAT', 'SHARDWIRE_HEARTBEAT_MS'],
    ['SHARDWIRE_MAX_FRAME_SIZE', 'SHARDWIRE_MAX_FRAME_BYTES'],
    ['SHARDWIRE_LOG', 'SHARDWIRE_LOG_LEVEL'],
    ['SHARDWIRE_HOST', 'SHARDWIRE_LISTEN'],
  ])('%s: did you mean %s?', (written, meant) => {
    const [problem, ...others] = problemsOf({ [written]: '1' })
    expect(others).toEqual([])
    expect(problem?.message).toBe(`${written} is not an option of this version: did you mean ${meant}?`)
    expect(problem?.example.startsWith(`${meant}=`)).toBe(true)
  })

  it.each(['SHARDWIRE_MAX_SESSIONS', 'SHARDWIRE_OTLP_URL', 'SHARDWIRE_'])(
    '%s is near to none, and no guess is made',
    (written) => {
      expect(messagesOf({ [written]: '1' })).toEqual([`${written} is not an option of this version`])
    },
  )

  it('are a problem when they are empty, too', () => {
    expect(problemsOf({ SHARDWIRE_WROKERS: '' })).toHaveLength(1)
  })

  it('never show their value, which may be a misspelled secret', () => {
    const problems = problemsOf({ SHARDWIRE_ADMIN_TOKN: 'hunter2' })
    expect(problems.map(({ value }) => value)).toEqual(['(not shown)'])
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  it('without our prefix, or not set at all, are none of our business', () => {
    expect(messagesOf({ PATH: '/bin', shardwire_workers: '1', SHARDWIRE: '1', SHARDWIRE_X: undefined })).toEqual([])
  })
})
